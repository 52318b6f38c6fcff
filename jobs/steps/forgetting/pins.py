"""What names versions of tables: releases, and the store of an export. Users who were forgotten leave both."""

from __future__ import annotations

from dataclasses import replace

from pyspark.errors import AnalysisException

from jobs.steps.releases.releases import write_releases
from jobs.steps.releases.serving_export import Export
from ralm.runs.context import Context
from ralm.serving.stores import open_store
from ralm.warehouse.erase import last_erased
from ralm.warehouse.holders import holders
from ralm.warehouse.releases import Release, releases


def pin_without(context: Context) -> int:
    """Let every release name the first version of each table without the users; how many releases changed.

    A reader finds the rows of the release, less those of the users. Where they had been replaced since it was
    published, a release names the new ones, and it is said.
    """
    warehouse = context.warehouse
    if not warehouse.exists("releases"):
        return 0
    since = warehouse.version("releases")
    found = releases(warehouse, since)
    named = {name for release in found for name in release.tables}
    last = {name: version for name in holders() if name in named and (version := last_erased(warehouse, name))}
    pinned = [_pinned(context, release, last) for release in found]
    changed = sum(new != old for new, old in zip(pinned, found, strict=True))
    if changed:
        write_releases(context, pinned, "forget_users/releases", since)
    return changed


def _pinned(context: Context, release: Release, last: dict[str, int]) -> Release:
    tables = {name: max(version, last.get(name, version)) for name, version in release.tables.items()}
    for name, version in release.tables.items():
        if tables[name] != version:
            before, at = (_files(context, name, number, release) for number in (version, tables[name] - 1))
            if before != at:
                context.say(
                    f"release {release.release_id}: its rows of {name} were written again since it was published; it "
                    "names them as they are now"
                )
    return replace(release, tables=tables)


def _files(context: Context, name: str, version: int, release: Release) -> list[str] | None:
    """The files of a release's rows at a version; None: the table's log does not reach back so far."""
    try:
        return context.warehouse.files(name, version, as_of=release.as_of)
    except AnalysisException:
        return None


def export_without(context: Context) -> str | None:
    """Write the store of `export_serving` anew without the users; its address, None: there is none that held them."""
    url = context.config.serving.store
    if url is None and not context.warehouse.has_path(f"{context.warehouse.path}/_serving"):
        return None
    store = open_store(url or f"{context.warehouse.path}/_serving")
    manifest = store.manifest()
    if manifest is None:
        return None
    listed = {release.release_id: release for release in releases(context.warehouse)}
    export = Export(context, store)
    if not export.forgotten_since:
        return None
    export.run(listed.get(manifest.release))
    return store.shown
