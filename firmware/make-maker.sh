#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A maker of firmware for this build: two roots, two signing keys, by stock openssl. Whoever can read the folder can sign for the
# cards that were built with it; a maker of real cards keeps these keys elsewhere and gives the build anchors.der alone.
set -eu
folder=$1
umask 077
mkdir -p "$folder"
cd "$folder"
make_chain() { # NAME ALGORITHM [OPTION]...
	name=$1 algorithm=$2
	shift 2
	openssl genpkey -algorithm "$algorithm" "$@" -out "root-$name.key"
	openssl req -x509 -new -key "root-$name.key" -days 10950 -subj "/O=Card maker/CN=Firmware root ($algorithm)" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -out "root-$name.pem"
	openssl genpkey -algorithm "$algorithm" "$@" -out "$name.key"
	openssl req -new -key "$name.key" -subj "/O=Card maker/CN=Firmware signer" -out "$name.csr"
	printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature subjectKeyIdentifier=hash \
		authorityKeyIdentifier=keyid >"$name.ext"
	openssl x509 -req -in "$name.csr" -CA "root-$name.pem" -CAkey "root-$name.key" -days 10950 -extfile "$name.ext" \
		-out "$name.pem" 2>"$name.log" || { cat "$name.log" >&2; exit 1; }
	openssl x509 -in "root-$name.pem" -outform DER -out "root-$name.der"
}
make_chain classical EC -pkeyopt group:P-384
make_chain pq ML-DSA-87
cat root-classical.pem root-pq.pem >anchors.pem
cat root-classical.der root-pq.der >anchors.der.new
mv anchors.der.new anchors.der
