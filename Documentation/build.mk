# SPDX-License-Identifier: GPL-2.0-or-later
.PHONY: docs docs-errors
docs:
	sphinx-build -q -n -W --keep-going -b html -d $(O)/doctrees Documentation $(O)/html

docs-errors:
	python3 Documentation/scripts/errors.py >Documentation/errors.rst
