"""Resident memory of a whole server, and what the index takes of it."""

from tests.harness import process_stats


def resident(server):
    """{"resident", "anonymous", "files", "shared", "processes"} in bytes.

    Of several processes each page counts by its part (Pss), so that what they
    share counts once.
    """
    return process_stats.tree_memory_bytes(server.pid)


def index(server):
    """What rbld itself says of its list: {"listings", "bytes"}."""
    said = server.list_figures()
    return {"listings": said["listings"], "bytes": said["index_bytes"]}
