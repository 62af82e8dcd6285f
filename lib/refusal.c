// SPDX-License-Identifier: LGPL-2.1-or-later
#include "provcard-refusal.h"

#define PERMANENT true
#define TRANSIENT false

static const struct provcard_refusal_info refusals[] = {
#define X(code, name, class, sentence, remedy) { code, #name, class, sentence, remedy },
#include "provcard-refusals.def"
#undef X
};

#define REFUSALS (sizeof(refusals) / sizeof(refusals[0]))

const struct provcard_refusal_info *provcard_refusal_at(size_t index)
{
	return index < REFUSALS ? &refusals[index] : NULL;
}

const struct provcard_refusal_info *provcard_refusal_find(unsigned int code)
{
	for (size_t i = 0; i < REFUSALS; i++)
		if (refusals[i].code == code)
			return &refusals[i];
	return NULL;
}
