"""Columns of the engine's tables (see :mod:`dynapdeploy.emulator.layout`)."""

LANES = 32
"""int16 states that the kernel takes at a time; states and weights are padded by as many."""

BATCH = 32
"""The most events of one core that the kernel works off before their spikes leave."""

TOGETHER = 32
"""The most items of the input that are under way at a time where their order has no say."""

# Layout.cores. Links before STEADY_LINK are monitors, which no decimator holds back.
# REACH: the most neurons that one event reaches.
# ROOM: the most that one event, or one tick, can put into the queue or the output.
(
    STATE,
    ROW,
    HEIGHT,
    FEATURES,
    WEIGHTS,
    KERNEL_STEP,
    LOW,
    HIGH,
    DROP,
    CHANNELS,
    INPUT_ALONG_ROW,
    INPUT_ALONG_Y,
    FIRST_LINK,
    STEADY_LINK,
    LAST_LINK,
    DECIMATE,
    BIAS,
    PARALLEL,
    REACH,
    QUEUE_ROOM,
    OUTPUT_ROOM,
    LEAK_QUEUE_ROOM,
    LEAK_OUTPUT_ROOM,
    COLUMNS,
) = range(24)

# A job: one event at one core, as two int64 (see layout).
ROW_BITS, ITEM_BITS, CORE_BITS = 32, 48, 54
COUNT_BITS, ROWS_BITS = 32, 52
ITEM_MASK = (1 << CORE_BITS) - (1 << ITEM_BITS)

# Layout.links
ALONG_ROW, ALONG_Y, INTO_QUEUE, DROPS, LINK = range(5)

# what a call of a kernel ends with
DONE, QUEUE_FULL, OUTPUT_FULL = range(3)

# what a call of a kernel leaves for the next one
ITEM, ENTRY, FIRST, INPUTS, HEAD, WAITING, PEAK, OUT, PROGRESS = range(9)
