# SPDX-License-Identifier: GPL-2.0
"""The harness: run its programs by harness/ti, see README.md."""
