"""Putting a caller through in the middle of a call: to another agent, by the carrier, or by the SIP telephone itself."""
