"""Connections between the ranks of a job on several hosts, which tell of a host that was lost.

MPI and its launcher wait for ever for a host that the network or a power failure has cut off. An idle connection does
not: the kernels at its ends ask each other every few seconds whether they are there (TCP keepalive). A host answers
however busy it is, and also for processes that are stopped, so that a long computation is never taken for a loss.

The connections form a tree: the first rank of each host is connected to rank 0, the other ranks to the first of their
host. Workers make them with the help of MPI and hand them over to their supervisors, which hold them.
"""

from __future__ import annotations

import _socket
import array
import fcntl
import math
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

#: Seconds of silence after which the kernel asks the other host.
KEEPALIVE_IDLE = 4

#: Seconds between two questions.
KEEPALIVE_INTERVAL = 4

#: Questions without an answer after which the host is lost: it may be away for 16 to 20 s.
KEEPALIVE_PROBES = 4

#: Seconds in which MPI's launcher may notice itself that the processes of another host have been killed.
LAUNCHER_DELAY = 5.0

#: Seconds for making the connections. Ranks without a connection work, and are not watched.
CONNECTION_TIMEOUT = 5.0

#: Message of a rank that has come to its end.
FINISHED = b"f"

#: Message of a rank that ends since it has lost a host, which it has reported.
REPORTED = b"r"

#: Largest length of the name of a host, bytes.
NAME_LENGTH = 255

#: Number of bytes of a file descriptor in a message.
DESCRIPTOR_SIZE = array.array("i").itemsize


class Place(NamedTuple):
    """Host of a rank, and where its listening socket is reached.

    Attributes:
        host: name of the host.
        addresses: names and addresses of the host, the likeliest first.
        port: number of the port; 0 without a listening socket.
    """

    host: str
    addresses: list[str]
    port: int


class Connections:
    """Connections of one supervisor to those of other ranks. SIGIO says that one of them has news.

    Args:
        channel: socket from which connections of the worker come.

    Attributes:
        lost: name of the host that does not answer; empty where there is none.
        reported: whether another rank has reported the loss.
        deadline: time at which the job must be ended, by the monotonic clock.
    """

    def __init__(self, channel: _socket.socket) -> None:
        self._channel, self._peers = channel, list[tuple[_socket.socket, str]]()
        self.lost, self.reported, self.deadline = "", False, math.inf
        _signal_news(channel)

    def read(self) -> None:
        """Take new connections, and news of the others."""
        with suppress(OSError):  # nothing more has come
            while (message := self._channel.recvmsg(NAME_LENGTH, _socket.CMSG_SPACE(DESCRIPTOR_SIZE)))[0]:
                for _, _, data in message[1]:
                    peer = _socket.socket(fileno=array.array("i", data[:DESCRIPTOR_SIZE])[0])
                    _signal_news(peer)
                    self._peers.append((peer, message[0].decode()))
        for peer, host in list(self._peers):
            self._read_from(peer, host)

    def _read_from(self, peer: _socket.socket, host: str) -> None:
        try:
            news = peer.recv(1)
        except BlockingIOError:
            return
        except ConnectionError:  # killed processes
            news = b""
        except OSError:  # no answer
            self._lose(host, 0.0)
            return
        self._peers.remove((peer, host))
        peer.close()
        if news == REPORTED:
            self.reported = True
        if news != FINISHED:
            self._lose(host, 0.0 if news else LAUNCHER_DELAY)

    def _lose(self, host: str, delay: float) -> None:
        self.lost = self.lost or host
        self.deadline = min(self.deadline, time.monotonic() + delay)

    def tell(self, message: bytes) -> None:
        """Send a message to all other ends, and close the connections."""
        for peer, _ in self._peers:
            with suppress(OSError):
                peer.send(message)
            peer.close()
        self._peers.clear()


def _signal_news(sock: _socket.socket) -> None:
    """Let the kernel send SIGIO to this process when a socket has news."""
    sock.setblocking(False)
    fcntl.fcntl(sock.fileno(), fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(sock.fileno(), fcntl.F_SETFL, fcntl.fcntl(sock.fileno(), fcntl.F_GETFL) | os.O_ASYNC)


def parents(hosts: list[str]) -> list[int]:
    """Rank to which each rank is connected: the first of its host, or rank 0 for the first ones; -1 for rank 0."""
    first: dict[str, int] = {}
    return [
        leader if (leader := first.setdefault(host, rank)) != rank else min(rank, 1) - 1
        for rank, host in enumerate(hosts)
    ]


def connect(world: Any, channel: _socket.socket | None, host: str = "") -> None:
    """Connect the ranks of a job on several hosts, and hand the connections over to the supervisors. Collective.

    Args:
        world: MPI communicator of all ranks.
        channel: socket to the supervisor of this rank; ``None`` without one.
        host: name of this host; that of the machine by default.
    """
    import socket

    host = host or socket.gethostname()
    hosts = world.allgather(host)
    if len(set(hosts)) == 1:
        return
    above = parents(hosts)
    children = above.count(world.rank)
    listener = socket.create_server(("", 0), backlog=children) if children else None
    port = listener.getsockname()[1] if listener else 0
    places = world.allgather(Place(host, _addresses(host) if listener else [], port))
    token = world.bcast(secrets.token_bytes(16), root=0)
    deadline = time.monotonic() + CONNECTION_TIMEOUT
    upward = None
    if above[world.rank] >= 0:
        parent = places[above[world.rank]]
        addresses = ["127.0.0.1"] if parent.host == host else parent.addresses
        upward = _reach(addresses, parent.port, token + world.rank.to_bytes(4), deadline)
    accepted = _accepted(listener, token, children, deadline) if listener else {}
    for rank, sock in accepted.items():
        _hand_over(sock, hosts[rank], channel)
    connected = {rank for ranks in world.allgather(list(accepted)) for rank in ranks}
    if upward is not None and world.rank in connected:
        _hand_over(upward, parent.host, channel)


def _addresses(host: str) -> list[str]:
    """Names and addresses by which other hosts may reach this one, the likeliest first."""
    import socket

    import psutil

    by_interface = psutil.net_if_addrs().values()
    own = [entry.address for entries in by_interface for entry in entries if entry.family == socket.AF_INET]
    names = [os.environ.get("PMI_HOSTNAME", host), host]  # PMI_HOSTNAME: the name in the list of hosts of MPICH
    return list(dict.fromkeys([*names, *(address for address in own if not address.startswith("127."))]))


def _reach(addresses: Iterable[str], port: int, greeting: bytes, deadline: float) -> Any:
    """Socket that is connected to the first address that answers; ``None`` where none does."""
    import socket

    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0.0:
            return None
        with suppress(OSError):
            sock = socket.create_connection((address, port), timeout=min(left, CONNECTION_TIMEOUT / 3))
            sock.sendall(greeting)
            return sock
    return None


def _accepted(listener: Any, token: bytes, number: int, deadline: float) -> dict[int, Any]:
    """Sockets of the ranks that have connected themselves, by rank; strangers are turned away."""
    found: dict[int, Any] = {}
    with listener:
        while len(found) < number and (left := deadline - time.monotonic()) > 0.0:
            listener.settimeout(left)
            with suppress(OSError):
                sock, _ = listener.accept()
                sock.settimeout(left)
                greeting = sock.recv(len(token) + 4)
                if secrets.compare_digest(greeting[:-4], token):
                    found[int.from_bytes(greeting[-4:])] = sock
                else:
                    sock.close()
    return found


def _hand_over(sock: Any, host: str, channel: _socket.socket | None) -> None:
    """Give a connected socket to the supervisor of this rank; without one the other end is told not to watch."""
    import socket

    with sock, suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
        if channel is None:
            sock.sendall(FINISHED)
        else:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))]
            channel.sendmsg([host.encode()[:NAME_LENGTH]], rights)


def kill_launcher(launcher: int) -> None:
    """Kill MPICH's launcher on this host with all that it has started here: it waits for the lost host for ever.

    Args:
        launcher: process that has started this one: MPICH's proxy on this host, or another one, which is left alone.
    """
    import psutil

    with suppress(psutil.Error, OSError):
        proxy = psutil.Process(launcher)
        if not proxy.name().startswith("hydra_pmi"):
            return
        above = proxy.parent()
        job = above if above and above.name().startswith("mpi") else proxy  # mpiexec runs on one of the hosts only
        job.suspend()  # it must not print of the processes that it loses
        for process in job.children(recursive=True):
            if process.pid not in (os.getpid(), launcher):
                with suppress(psutil.Error):
                    process.kill()
        job.kill()
        proxy.kill()
