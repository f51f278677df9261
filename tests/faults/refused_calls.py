"""`python refused_calls.py NUMBERS COMMAND…`: the command, with these system calls answering EPERM (Linux x86-64).

What systemd does with SystemCallFilter=~@resources and SystemCallErrorNumber=EPERM.
203 sched_setaffinity, 160 setrlimit, 302 prlimit64.
"""

import ctypes
import os
import struct
import sys

_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _EPERM = 0x7FFF0000, 0x00050001
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_void_p))


def main(numbers: list[int], command: list[str]) -> None:
    """Becomes the command."""
    program = struct.pack("HBBI", _LOAD, 0, 0, 0)
    for place, number in enumerate(numbers):
        program += struct.pack("HBBI", _JUMP_IF_EQUAL, len(numbers) - place, 0, number)
    program += struct.pack("HBBI", _RETURN, 0, 0, _ALLOW) + struct.pack("HBBI", _RETURN, 0, 0, _EPERM)
    text = ctypes.create_string_buffer(program)
    made, libc = _Filter(len(program) // 8, ctypes.addressof(text)), ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, ctypes.byref(made), 0, 0):
        raise SystemExit(os.strerror(ctypes.get_errno()))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1].split(",")], sys.argv[2:])
