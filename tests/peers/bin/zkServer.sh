#!/bin/sh
# Stands in for ZooKeeper's own zkServer.sh, of which the Go client's tests use `start-foreground CONFIG`; flags come in SERVER_JVMFLAGS.
# The process becomes the server, so that it can be killed. TXZK_TWISTD as in `java` beside this.
set -eu
if [ "${1:-}" != start-foreground ] || [ $# -ne 2 ]; then
    echo "zkServer.sh, as txzk has it: start-foreground CONFIG" >&2
    exit 2
fi
exec "${TXZK_TWISTD:-$(dirname "$0")/../../../.venv/bin/twistd}" --nodaemon --pidfile= zookeeper -c "$2"
