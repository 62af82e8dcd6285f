// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The application: proves over UART0 (115200 baud, 8N1, RTS/CTS) that the device has its key. For each nonce of 32 bytes it
 * answers r || s, 64 bytes, an ECDSA P-256 signature over SHA-256("provcard proof" || nonce). Without a key it stays silent.
 */
#include <stddef.h>
#include <stdint.h>

#include "ecdsa.h"
#include "memory.h"
#include "registers.h"

#define NONCE_SIZE 32
#define PIN_RTS 5
#define PIN_TXD 6
#define PIN_CTS 7
#define PIN_RXD 8

static const char domain[] = "provcard proof"; /* without its terminating zero */

int main(void);

static void uart_begin(void)
{
	UART_PSEL_RTS = PIN_RTS;
	UART_PSEL_TXD = PIN_TXD;
	UART_PSEL_CTS = PIN_CTS;
	UART_PSEL_RXD = PIN_RXD;
	UART_BAUDRATE = UART_115200;
	UART_CONFIG = UART_FLOW_CONTROL;
	UART_ENABLE = UART_ENABLED;
	UART_STARTRX = 1;
	UART_STARTTX = 1;
}

static void uart_receive(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		while (!UART_RXDRDY)
			;
		UART_RXDRDY = 0;
		bytes[i] = (uint8_t)UART_RXD;
	}
}

static void uart_send(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		UART_TXDRDY = 0;
		UART_TXD = bytes[i];
		while (!UART_TXDRDY)
			;
	}
}

static void answer(const uint8_t nonce[NONCE_SIZE])
{
	const struct piece message[] = { { domain, sizeof(domain) - 1 }, { nonce, NONCE_SIZE } };
	uint8_t digest[SHA256_SIZE], signature[ECDSA_SIGNATURE_SIZE];

	sha256(digest, message, 2);
	if (ecdsa_sign(signature, (const uint8_t *)MEMORY_KEY, digest))
		uart_send(signature, sizeof(signature));
}

int main(void)
{
	uint8_t nonce[NONCE_SIZE];

	uart_begin();
	for (;;) {
		uart_receive(nonce, sizeof(nonce));
		answer(nonce);
	}
}
