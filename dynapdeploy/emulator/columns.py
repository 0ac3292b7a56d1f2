"""Columns of the engine's tables (see :mod:`dynapdeploy.emulator.layout`)."""

LANES = 32
"""int16 states that the kernel takes at a time; states and weights are padded by as many."""

# Layout.cores. Links before STEADY_LINK are monitors, which no decimator holds back.
# ROOM: the most that one event, or one tick, can put into the queue or the output.
(
    STATE,
    ROW,
    HEIGHT,
    FEATURES,
    WEIGHTS,
    CHANNEL,
    KERNEL_STEP,
    LOW,
    HIGH,
    KEEP,
    X_TABLE,
    Y_TABLE,
    FIRST_LINK,
    STEADY_LINK,
    LAST_LINK,
    DECIMATE,
    BIAS,
    PARALLEL,
    QUEUE_ROOM,
    OUTPUT_ROOM,
    LEAK_QUEUE_ROOM,
    LEAK_OUTPUT_ROOM,
    COLUMNS,
) = range(23)

# Layout.x_table, Layout.y_table
START, RUN, WEIGHT, PLACES = range(4)
FIRST_ROW, ROWS, KERNEL_ROW = range(3)

# Layout.links
ALONG_ROW, ALONG_Y, INTO_QUEUE, DROPS, LINK = range(5)

# what a call of a kernel ends with
DONE, QUEUE_FULL, OUTPUT_FULL = range(3)

# what a call of a kernel leaves for the next one
ITEM, ENTRY, HEAD, WAITING, PEAK, OUT, PROGRESS = range(7)
