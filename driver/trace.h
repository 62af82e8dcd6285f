/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace points: what goes to the card and what comes back, by queue, command identifier and time.
 * Never what is in a buffer or where it is, nor a command's arguments and result.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM provcard

#if !defined(PROVCARD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PROVCARD_TRACE_H

#include <linux/tracepoint.h>

#include "card.h"

/* The card has the command. */
TRACE_EVENT(provcard_submit,
	    TP_PROTO(const struct provcard_request *request),
	    TP_ARGS(request),
	    TP_STRUCT__entry(__field(int, card)
			     __field(unsigned int, queue)
			     __field(u16, cid)
			     __field(u8, opcode)
			     __field(u32, job)
			     __field(u64, in_length)
			     __field(u32, out_limit)
			     __field(unsigned int, timeout_ms)),
	    TP_fast_assign(__entry->card = request->queue->card->minor;
			   __entry->queue = request->queue->id;
			   __entry->cid = le16_to_cpu(request->sqe.cid);
			   __entry->opcode = request->sqe.opcode;
			   __entry->job = le32_to_cpu(request->sqe.job);
			   __entry->in_length = request->in.length;
			   __entry->out_limit = request->out_limit;
			   __entry->timeout_ms = request->timeout_ms;),
	    TP_printk("provcard%d queue=%u cid=%#06x opcode=%#04x job=%u in=%llu out=%u timeout_ms=%u",
		      __entry->card, __entry->queue, __entry->cid, __entry->opcode, __entry->job,
		      __entry->in_length, __entry->out_limit, __entry->timeout_ms));

/*
 * The command has ended: by the card's word (status), or without it (error, an errno). A command
 * that was sent while nobody traced has a latency of 0.
 */
TRACE_EVENT(provcard_complete,
	    TP_PROTO(const struct provcard_request *request),
	    TP_ARGS(request),
	    TP_STRUCT__entry(__field(int, card)
			     __field(unsigned int, queue)
			     __field(u16, cid)
			     __field(u8, opcode)
			     __field(u32, job)
			     __field(u16, status)
			     __field(int, error)
			     __field(u32, length)
			     __field(u64, latency_ns)),
	    TP_fast_assign(__entry->card = request->queue->card->minor;
			   __entry->queue = request->queue->id;
			   __entry->cid = le16_to_cpu(request->sqe.cid);
			   __entry->opcode = request->sqe.opcode;
			   __entry->job = le32_to_cpu(request->sqe.job);
			   __entry->status = request->answer.status;
			   __entry->error = request->answer.error;
			   __entry->length = request->answer.length;
			   __entry->latency_ns =
				   request->traced_ns ? ktime_get_ns() - request->traced_ns : 0;),
	    TP_printk("provcard%d queue=%u cid=%#06x opcode=%#04x job=%u status=%#06x error=%d length=%u latency_ns=%llu",
		      __entry->card, __entry->queue, __entry->cid, __entry->opcode, __entry->job,
		      __entry->status, __entry->error, __entry->length, __entry->latency_ns));

/* The command's time is over; it is aborted, or has been and is not let go of. */
TRACE_EVENT(provcard_timeout,
	    TP_PROTO(const struct provcard_request *request),
	    TP_ARGS(request),
	    TP_STRUCT__entry(__field(int, card)
			     __field(unsigned int, queue)
			     __field(u16, cid)
			     __field(u8, opcode)
			     __field(u32, job)
			     __field(unsigned int, timeout_ms)),
	    TP_fast_assign(__entry->card = request->queue->card->minor;
			   __entry->queue = request->queue->id;
			   __entry->cid = le16_to_cpu(request->sqe.cid);
			   __entry->opcode = request->sqe.opcode;
			   __entry->job = le32_to_cpu(request->sqe.job);
			   __entry->timeout_ms = request->timeout_ms;),
	    TP_printk("provcard%d queue=%u cid=%#06x opcode=%#04x job=%u timeout_ms=%u",
		      __entry->card, __entry->queue, __entry->cid, __entry->opcode, __entry->job,
		      __entry->timeout_ms));

/* The controller is disabled, to be enabled again; jobs of older generations are void. */
TRACE_EVENT(provcard_reset,
	    TP_PROTO(const struct provcard *card),
	    TP_ARGS(card),
	    TP_STRUCT__entry(__field(int, card)
			     __field(u32, generation)),
	    TP_fast_assign(__entry->card = card->minor;
			   __entry->generation = card->generation;),
	    TP_printk("provcard%d generation=%u", __entry->card, __entry->generation));

/* The card has an event for its host: PROVCARD_EVENT_* and its info. */
TRACE_EVENT(provcard_event,
	    TP_PROTO(const struct provcard *card, u8 type, u32 info),
	    TP_ARGS(card, type, info),
	    TP_STRUCT__entry(__field(int, card)
			     __field(u8, type)
			     __field(u32, info)),
	    TP_fast_assign(__entry->card = card->minor;
			   __entry->type = type;
			   __entry->info = info;),
	    TP_printk("provcard%d type=%u info=%#x", __entry->card, __entry->type, __entry->info));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
