/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Job handles and the packages open behind them. */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include "internal.h"
#include "package.h"

/* A command begins and ends on a handle. UNKNOWN_JOB. */
int job_enter(struct core *core, uint32_t id, struct job_handle **handle);
void job_leave(struct core *core, struct job_handle *handle);
/* Was the handle aborted since @aborts was read from it? */
static inline bool job_aborted(struct job_handle *handle, unsigned int aborts)
{
	return atomic_load(&handle->aborts) != aborts;
}

/* Bind the handle to a job, verifying its package if nobody has it open. A closed job is bound without package. */
int job_bind(struct core *core, struct job_handle *handle, uint32_t job, uint32_t *segment);
/* The handle's package, counted; JOB_NOT_LOADED, JOB_CLOSED. */
int job_package(struct core *core, struct job_handle *handle, struct package **package);
void job_package_put(struct core *core, struct package *package);
/* Ours becomes the one open for the job, unless another was faster: then that one is taken. Counted either way. */
struct package *job_package_offer(struct core *core, uint32_t job, struct package *ours);
/* A job is closed: nothing of its package is needed any more, the keys that it brought least of all. Handles stay bound to it. */
void job_end(struct core *core, uint32_t job);
/* Every handle forgets its job: a new life begins. */
void job_unbind_all(struct core *core);

/* What the ledger says of a job. JOB_NOT_LOADED. */
int job_report(struct core *core, uint32_t job, struct provcard_service_job *report);

/* Commands. */
int command_package_write(struct core *core, const struct core_command *command, struct core_result *result);
int command_package_commit(struct core *core, const struct core_command *command, struct core_result *result);
int command_job_bind(struct core *core, const struct core_command *command, struct core_result *result);
int command_job_status(struct core *core, const struct core_command *command, struct core_result *result);
int command_job_log(struct core *core, const struct core_command *command, struct core_result *result);
int command_job_list(struct core *core, const struct core_command *command, struct core_result *result);
int command_unit_run(struct core *core, const struct core_command *command, struct core_result *result);

#endif
