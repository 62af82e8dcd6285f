# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests and the demonstration share: processes of a station, keys of its people, a guest to run the driver in."""
