# SPDX-License-Identifier: MIT
"""Workers and admin that hang, and what systemd is told of the supervisor."""
import os
import signal
import socket
import time

from gateway import Gateway, wait_for
from test_process import send


def stop_process(pid):
    os.kill(pid, signal.SIGSTOP)


def test_a_worker_that_hangs_is_replaced(make_gateway):
    gateway = make_gateway(workers=2, top="watchdog = 2s")
    gateway.killed = True
    hung = gateway.workers()[0]
    stop_process(hung)
    # Some of these wait in its socket.
    waiting = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(16)]
    assert f"pid={hung}" in gateway.wait_event("child_hangs child=worker")[0]
    assert "signal=KILL" in gateway.wait_event("child_died child=worker")[0]
    for s in waiting:
        s.settimeout(20)
        assert s.recv(100).startswith(b"220 ")
        s.close()
    assert hung not in gateway.workers()
    assert gateway.metric("children_hung_total") == 1
    assert gateway.metric("worker_restarts_total") == 1
    assert gateway.get("/readyz")[0] == 200
    assert send(gateway, "after the hang")[0] == 250


def test_an_admin_that_hangs_is_replaced(make_gateway):
    gateway = make_gateway(top="watchdog = 2s")
    stop_process(gateway.admins()[0])
    gateway.wait_event("child_hangs child=admin")
    gateway.wait_event("child_ready child=admin", count=2)
    assert gateway.get("/readyz")[0] == 200
    assert gateway.metric("children_hung_total") == 1


def test_a_worker_that_hangs_while_it_drains_is_ended(make_gateway):
    gateway = make_gateway(top="watchdog = 2s")
    gateway.expect_status = 1
    old = gateway.workers()[0]
    stop_process(old)
    assert gateway.reload()
    assert f"pid={old}" in gateway.wait_event("child_hangs child=worker")[0]
    wait_for("its end", lambda: old not in gateway.workers())
    assert send(gateway, "at the new worker")[0] == 250


def test_an_admin_that_hangs_does_not_hold_up_a_stop(make_gateway):
    gateway = make_gateway(top="watchdog = 0s")
    gateway.expect_status = 1
    stop_process(gateway.admins()[0])
    gateway.signal(signal.SIGTERM)
    gateway.wait_event("child_killed child=admin")
    assert gateway.wait() == 1


def test_a_suspended_machine_kills_nobody(make_gateway):
    gateway = make_gateway(top="watchdog = 2s")
    everybody = [gateway.process.pid] + gateway.workers() + gateway.admins()
    for pid in everybody:
        stop_process(pid)
    time.sleep(5)
    for pid in everybody:
        os.kill(pid, signal.SIGCONT)
    assert send(gateway, "after the suspension")[0] == 250
    assert [gateway.process.pid] + gateway.workers() + gateway.admins() == everybody
    assert not gateway.events("child_hangs")


def test_tells_systemd_that_its_loop_turns(tmp_path, sandbox, finish):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(20)
        gateway = finish(Gateway(tmp_path, sandbox.endpoint))
        gateway.env.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="60000000")
        gateway.start()
        assert "READY=1" in manager.recv(1000).decode().splitlines()
        for _ in range(2):
            assert manager.recv(1000) == b"WATCHDOG=1"
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 0
        gateway.stop()
        # It is meant for another process.
        gateway.env["WATCHDOG_PID"] = "1"
        os.remove(gateway.log_file)
        manager.setblocking(False)
        while True:
            try:
                manager.recv(1000)
            except BlockingIOError:
                break
        gateway.start()
        time.sleep(3)
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 0
        told = []
        while True:
            try:
                told.append(manager.recv(1000))
            except BlockingIOError:
                break
        assert told and b"WATCHDOG=1" not in told
