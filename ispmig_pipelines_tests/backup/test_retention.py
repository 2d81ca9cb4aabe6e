"""What is kept, and why: by hand for what people expect, and by laws for all there could be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ispmig_pipelines.backup import policies
from ispmig_pipelines.backup.retention import Policy, kept, parse
from ispmig_pipelines.errors import UsageError
from ispmig_pipelines.platform import ledger, tenants
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.settings import settings

UTC = ZoneInfo("UTC")
KYIV = ZoneInfo("Europe/Kyiv")
NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)  # a Monday


def at(text: str, zone: ZoneInfo = UTC, fold: int = 0) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(dt.UTC)


def named(*instants: dt.datetime) -> dict[str, dt.datetime]:
    return {f"{instant:%Y-%m-%d %H:%M}": instant for instant in instants}


def daily(days: int, *, hour: int = 3) -> dict[str, dt.datetime]:
    last = NOW.replace(hour=hour)
    return named(*(last - dt.timedelta(days=n) for n in range(days)))


def test_the_example_of_the_documentation() -> None:
    found = kept(daily(400), parse("last=2 daily=4 weekly=3 monthly=3 yearly=2"), NOW, UTC)
    assert found == {
        "2026-11-23 03:00": [
            "newest", "last 1 of 2", "daily 1 of 4 (2026-11-23)", "weekly 1 of 3 (2026-W48)",
            "monthly 1 of 3 (2026-11)", "yearly 1 of 2 (2026)",
        ],
        "2026-11-22 03:00": [
            "last 2 of 2", "daily 2 of 4 (2026-11-22)", "weekly 2 of 3 (2026-W47)",
        ],
        "2026-11-21 03:00": ["daily 3 of 4 (2026-11-21)"],
        "2026-11-20 03:00": ["daily 4 of 4 (2026-11-20)"],
        "2026-11-15 03:00": ["weekly 3 of 3 (2026-W46)"],
        "2026-10-31 03:00": ["monthly 2 of 3 (2026-10)"],
        "2026-09-30 03:00": ["monthly 3 of 3 (2026-09)"],
        "2025-12-31 03:00": ["yearly 2 of 2 (2025)"],
    }  # fmt: skip


def test_a_day_without_a_snapshot_does_not_count() -> None:
    found = kept(named(at("2026-11-23 03:00"), at("2026-03-01 03:00")), Policy(daily=2), NOW, UTC)
    assert list(found) == ["2026-11-23 03:00", "2026-03-01 03:00"]


def test_of_a_period_the_newest_stays() -> None:
    morning, evening = at("2026-11-22 01:00"), at("2026-11-22 23:59")
    found = kept(named(morning, evening), Policy(daily=5), NOW, UTC)
    assert list(found) == ["2026-11-22 23:59"]


def test_days_end_at_the_tenants_midnight() -> None:
    # 22:30 UTC is half past midnight in Kyiv: the next day there.
    snapshots = named(at("2026-11-21 21:30"), at("2026-11-21 22:30"))
    assert len(kept(snapshots, Policy(daily=9), NOW, UTC)) == 1
    assert len(kept(snapshots, Policy(daily=9), NOW, KYIV)) == 2


def test_weeks_begin_on_monday_and_belong_to_the_year_of_their_thursday() -> None:
    snapshots = named(at("2026-12-28 03:00"), at("2027-01-03 03:00"), at("2027-01-04 03:00"))
    found = kept(snapshots, Policy(weekly=9), at("2027-01-05 00:00"), UTC)
    assert found == {
        "2027-01-04 03:00": ["newest", "weekly 1 of 9 (2027-W01)"],
        "2027-01-03 03:00": ["weekly 2 of 9 (2026-W53)"],
    }


def test_the_hour_that_comes_twice_when_summer_time_ends_is_two_hours() -> None:
    # 2026-10-25 in Kyiv: 03:00 to 04:00 comes twice.
    first, second = at("2026-10-25 03:30", KYIV, fold=0), at("2026-10-25 03:30", KYIV, fold=1)
    assert second - first == dt.timedelta(hours=1)
    assert len(kept(named(first, second), Policy(hourly=9), NOW, KYIV)) == 2


def test_the_hour_that_is_left_out_when_summer_time_begins_is_missed_by_nobody() -> None:
    hours = [at("2026-03-28 23:30") + dt.timedelta(hours=n) for n in range(5)]
    assert len(kept(named(*hours), Policy(hourly=5), NOW, KYIV)) == 5


@pytest.mark.parametrize(
    ("within", "oldest"),
    [
        ("48h", "2026-11-21 12:00"),
        ("10d", "2026-11-13 12:00"),
        ("2w", "2026-11-09 12:00"),
        ("9m", "2026-02-23 12:00"),
        ("1y", "2025-11-23 12:00"),
    ],
)
def test_within_reaches_back_just_so_far(within: str, oldest: str) -> None:
    instant = at(oldest)
    snapshots = named(NOW, instant, instant - dt.timedelta(minutes=1))
    found = kept(snapshots, Policy(within=within), NOW, UTC)
    assert list(found) == [f"{NOW:%Y-%m-%d %H:%M}", oldest]


def test_a_month_back_from_its_31st_is_the_last_day_of_a_shorter_one() -> None:
    now = at("2026-03-31 12:00")
    snapshots = named(now, at("2026-02-28 12:00"), at("2026-02-28 11:00"))
    found = kept(snapshots, Policy(within="1m"), now, UTC)
    assert list(found) == ["2026-03-31 12:00", "2026-02-28 12:00"]


def test_days_back_lead_to_the_same_time_of_day_across_summer_time() -> None:
    now = at("2026-10-26 12:00", KYIV)
    snapshots = {"there": at("2026-10-24 12:00", KYIV), "before": at("2026-10-24 11:59", KYIV)}
    assert set(kept(snapshots | {"now": now}, Policy(within="2d"), now, KYIV)) == {"now", "there"}


def test_the_newest_and_the_held_stay_whatever_the_policy_says() -> None:
    snapshots = daily(9)
    found = kept(snapshots, Policy(within="1h"), NOW, UTC, {"2026-11-17 03:00": "a suit"})
    assert found == {"2026-11-23 03:00": ["newest"], "2026-11-17 03:00": ["held"]}


def test_a_snapshot_from_the_future_stays_and_takes_nobodys_place() -> None:
    snapshots = daily(3) | {"later": NOW + dt.timedelta(days=3)}
    found = kept(snapshots, Policy(last=1, daily=1), NOW, UTC)
    assert found["later"] == ["in the future"]
    assert found["2026-11-23 03:00"][:2] == ["newest", "last 1 of 1"]
    assert len(found) == 2


def test_all_keeps_all() -> None:
    assert kept(daily(50), parse("all"), NOW, UTC).keys() == daily(50).keys()


@pytest.mark.parametrize(
    "text",
    ["", " , ", "daily=0", "last=0 within=", "daily", "daily=-1", "daily=1 daily=2",
     "fortnightly=2", "within=30", "within=0d", "within=3q",
     "all daily=2", "daily=1.5", "last=9999999", "DAILY=2"],
)  # fmt: skip
def test_what_is_no_policy_or_keeps_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


def test_a_policy_that_keeps_nothing_cannot_be_made() -> None:
    with pytest.raises(UsageError, match="keeps nothing"):
        Policy()
    with pytest.raises(UsageError):
        Policy(daily=-1, last=1)
    with pytest.raises(UsageError):
        Policy(within="soon")


# -- laws ---------------------------------------------------------------------------------------

counts = st.integers(0, 12)
policy_of = st.builds(
    lambda last, hourly, daily, weekly, monthly, yearly, within: Policy(
        last=last, hourly=hourly, daily=daily, weekly=weekly, monthly=monthly, yearly=yearly,
        within=within or ("" if any((last, hourly, daily, weekly, monthly, yearly)) else "3d"),
    ),
    counts, counts, counts, counts, counts, counts,
    st.sampled_from(["", "1h", "36h", "5d", "3w", "2m", "1y", "900000h", "99999y", "999999m"]),
)  # fmt: skip
zones = st.sampled_from(
    [ZoneInfo(name) for name in ("UTC", "Europe/Kyiv", "Pacific/Apia", "Australia/Lord_Howe",
                                 "America/St_Johns", "Pacific/Kiritimati")]
)  # fmt: skip
instants = st.integers(0, 3 * 365 * 24 * 60).map(lambda n: NOW - dt.timedelta(minutes=n))
histories = st.lists(instants, max_size=60).map(
    lambda found: {f"{n:03}": instant for n, instant in enumerate(found)}
)


@given(histories, policy_of, zones)
def test_the_newest_is_kept_and_every_reason_is_true(
    snapshots: dict[str, dt.datetime], policy: Policy, zone: ZoneInfo
) -> None:
    found = kept(snapshots, policy, NOW, zone)
    assert found.keys() <= snapshots.keys()
    assert bool(found) == bool(snapshots)
    if snapshots:
        assert max(snapshots, key=lambda n: (snapshots[n], n)) in found
    for rule in ("last", "hourly", "daily", "weekly", "monthly", "yearly"):
        of_rule = [r for reasons in found.values() for r in reasons if r.startswith(f"{rule} ")]
        assert len(of_rule) <= getattr(policy, rule)
        # Each period once: the words say which.
        assert len(set(of_rule)) == len(of_rule)
    assert min(len(snapshots), policy.last) <= len(found)


@given(histories, policy_of, zones)
def test_what_is_kept_is_kept_again(
    snapshots: dict[str, dt.datetime], policy: Policy, zone: ZoneInfo
) -> None:
    once = kept(snapshots, policy, NOW, zone)
    assert kept({name: snapshots[name] for name in once}, policy, NOW, zone) == once


@given(histories, policy_of, policy_of, zones)
def test_a_policy_that_asks_for_more_keeps_no_less(
    snapshots: dict[str, dt.datetime], less: Policy, more: Policy, zone: ZoneInfo
) -> None:
    both = Policy(
        **{
            rule: max(getattr(less, rule), getattr(more, rule))
            for rule in ("last", "hourly", "daily", "weekly", "monthly", "yearly")
        },
        within=less.within,
    )
    assert kept(snapshots, less, NOW, zone).keys() <= kept(snapshots, both, NOW, zone).keys()


@given(histories, policy_of, zones, st.lists(st.integers(1, 120), min_size=1, max_size=15))
def test_pruning_often_and_pruning_once_come_to_the_same(
    snapshots: dict[str, dt.datetime], policy: Policy, zone: ZoneInfo, pauses: list[int]
) -> None:
    left: dict[str, dt.datetime] = {}
    now = NOW - dt.timedelta(days=sum(pauses))
    seen: set[str] = set()
    for days in [0, *pauses]:
        now += dt.timedelta(days=days)
        come = {n for n, instant in snapshots.items() if instant <= now and n not in seen}
        seen |= come
        left |= {name: snapshots[name] for name in come}
        left = {name: snapshots[name] for name in kept(left, policy, now, zone)}
    assert left.keys() == kept(snapshots, policy, NOW, zone).keys()


@given(policy_of)
def test_a_policy_reads_as_it_was_written(policy: Policy) -> None:
    assert parse(str(policy)) == policy


# -- a tenant's own -----------------------------------------------------------------------------


def test_a_tenant_keeps_as_it_says_and_else_as_the_settings_say(
    ispmig_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.prepare(engine())
    tenants.add(engine(), "acme")
    with engine().begin() as connection:
        assert str(policies.of(connection, "acme").policy) == settings().backup_retention
        said = policies.declare(connection, "acme", policy="daily=2,last=1", timezone="Europe/Kyiv")
        assert said.as_json() == {
            "retention": "last=1 daily=2", "timezone": "Europe/Kyiv", "own": True,
        }  # fmt: skip
        with pytest.raises(UsageError, match="no time zone"):
            policies.declare(connection, "acme", policy="last=9", timezone="Mars/Olympus")
        with pytest.raises(UsageError):
            policies.declare(connection, "acme", policy="last=none")
        assert policies.of(connection, "acme") == said
        assert policies.declare(connection, "acme", timezone="default").timezone.key == "UTC"
        assert not policies.declare(connection, "acme", policy="default").own
        monkeypatch.setenv("ISPMIG_BACKUP_RETENTION", "daily=none")
        settings.cache_clear()
        with pytest.raises(UsageError, match="ISPMIG_BACKUP_RETENTION"):
            policies.of(connection, "acme")
