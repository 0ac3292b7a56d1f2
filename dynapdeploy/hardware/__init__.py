"""The boards: the only room that may ever import samna."""

from dynapdeploy.hardware.samna import HOW_TO_INSTALL, SamnaStatus, samna_status

__all__ = ["HOW_TO_INSTALL", "SamnaStatus", "samna_status"]
