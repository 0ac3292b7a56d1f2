"""Buffers and event graphs: nothing flows before a graph is started."""

from __future__ import annotations


class SourceBuffer:
    """What the host writes into; its class name is the chip's irregular one (S7)."""

    KINDS: tuple[type, ...] = ()

    def __init__(self):
        self.sink = None

    def write(self, events) -> None:
        events = list(events)
        for event in events:
            if not isinstance(event, self.KINDS):
                raise TypeError(f"{type(event).__name__} is no input event of this chip")
        if self.sink is not None:
            self.sink.board.receive(events)


class SinkBuffer:
    """What the host reads from."""

    def __init__(self):
        self.source = None
        self.kept: list = []

    def get_events(self) -> list:
        if self.source is not None:
            self.kept += self.source.take()
        found, self.kept = self.kept, []
        return found

    def get_events_blocking(self) -> list:
        raise NotImplementedError("this double never blocks")

    def clear_events(self) -> None:
        self.get_events()


class ChipSink:
    """The model's sink node: into the chip."""

    def __init__(self, board):
        self.board = board


class ChipSource:
    """The model's source node: out of the chip."""

    def __init__(self, board):
        self.board = board

    def take(self) -> list:
        return self.board.send()


class PowerSource:
    def __init__(self, board):
        self.board = board

    def take(self) -> list:
        return self.board.measured()


class EventFilterGraph:
    def __init__(self):
        self.nodes: list = []
        self.running = False

    def sequential(self, nodes):
        source, sink = nodes
        inward = isinstance(source, SourceBuffer) and isinstance(sink, ChipSink)
        outward = isinstance(source, ChipSource | PowerSource) and isinstance(sink, SinkBuffer)
        if not (inward or outward):
            raise NotImplementedError(f"graph of {[type(node).__name__ for node in nodes]}")
        self.nodes = [source, sink]
        return list(nodes)

    def start(self) -> bool:
        source, sink = self.nodes
        if isinstance(source, SourceBuffer):
            source.sink = sink
        else:
            sink.source = source
        self.running = True
        return True

    def stop(self) -> None:
        source, sink = self.nodes
        if isinstance(source, SourceBuffer):
            source.sink = None
        else:
            sink.source = None
        self.running = False
