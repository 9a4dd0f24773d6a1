# SPDX-License-Identifier: MIT
"""`sesrelay hash-password`: by a pipe and at a terminal, checked by the C library's crypt()."""
import ctypes
import os
import pty
import select

from gateway import PROGRAM, run_command


def crypt(password, setting):
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), setting.encode()).decode()


def read_until(fd, mark, said=b""):
    while mark not in said:
        assert select.select([fd], [], [], 20)[0], said
        said += os.read(fd, 4096)
    return said


def at_terminal(*typed):
    """(exit status, all that the terminal showed)"""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(PROGRAM, [PROGRAM, "hash-password"])
    said = b""
    for mark, text in zip((b"Password: ", b"Again: "), typed):
        said = read_until(fd, mark, said)
        os.write(fd, text.encode() + b"\n")
    try:
        while True:
            more = os.read(fd, 4096)
            if not more:
                break
            said += more
    except OSError:  # the terminal's end
        pass
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()


def test_hashes_the_first_line_of_a_pipe():
    done = run_command("hash-password", stdin="päss word\nmore\n")
    assert done.returncode == 0, done.stderr
    hashed = done.stdout.strip()
    assert hashed.startswith("$y$") and "\n" not in hashed
    assert crypt("päss word", hashed) == hashed
    assert crypt("pass word", hashed) != hashed


def test_asks_twice_at_a_terminal_and_shows_nothing():
    status, said = at_terminal("hunter2hunter2", "hunter2hunter2")
    assert status == 0, said
    hashed = said.split()[-1]
    assert crypt("hunter2hunter2", hashed) == hashed
    assert "hunter2" not in said


def test_tells_where_the_two_differ():
    status, said = at_terminal("hunter2hunter2", "hunter2hunter3")
    assert status == 1
    assert "the passwords are not the same" in said and "hunter" not in said


def test_takes_no_password_from_the_command_line():
    done = run_command("hash-password", "secret", stdin="secret\n")
    assert done.returncode == 2 and done.stdout == ""


def test_refuses_what_no_client_could_send():
    for stdin in ("", "\n", "a\tb\n", "x" * 512 + "\n"):
        done = run_command("hash-password", stdin=stdin)
        assert done.returncode == 1 and done.stdout == ""
        assert "a password has" in done.stderr
