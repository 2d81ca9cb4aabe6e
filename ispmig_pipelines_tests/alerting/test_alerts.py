"""Alerts: what failed is told once, to everybody who is to know, and to nobody else."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    Failure,
    job,
    op,
)
from typer.testing import CliRunner

from ispmig_pipelines.alerting import delivering, outbox, signature
from ispmig_pipelines.alerting.alert import Alert, Kind
from ispmig_pipelines.alerting.mail import mail
from ispmig_pipelines.alerting.message import sample
from ispmig_pipelines.alerting.webhook import webhook
from ispmig_pipelines.cli import app
from ispmig_pipelines.defs.alerts import Cursor, tick
from ispmig_pipelines.defs.resources import Platform
from ispmig_pipelines.defs.tenant_backup.freshness import AFFECTED
from ispmig_pipelines.errors import AlertError, UsageError
from ispmig_pipelines.platform.server import engine
from ispmig_pipelines.report.rule_kind import RuleKind
from ispmig_pipelines.settings import settings
from ispmig_pipelines_tests.alerting.receivers import (
    Mailed,
    Posted,
    mail_receiver,
    web_receiver,
)
from ispmig_pipelines_tests.corpora import PROJECT
from ispmig_pipelines_tests.web import self_signed

SECRET = "a-secret-of-some-length"
AT = dt.datetime(2026, 3, 31, 9, 30, tzinfo=dt.UTC)


@pytest.fixture
def posted(ispmig_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Posted]:
    with web_receiver() as received:
        monkeypatch.setenv("ISPMIG_ALERT_WEBHOOK", f"{received.url}/hook")
        monkeypatch.setenv("ISPMIG_ALERT_WEBHOOK_SECRET", SECRET)
        settings.cache_clear()
        yield received


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def failing(code: str = "source", name: str = "tenant_migration"):
    @op(name="work")
    def work() -> None:
        raise Failure("Ann Smith of 12 Elm Street", metadata={"error": code}, allow_retries=False)

    @job(name=name)
    def made() -> None:
        work()

    return made


def checking(check: str, passed: bool, severity: AssetCheckSeverity = AssetCheckSeverity.ERROR):
    @op(name="look")
    def look(context) -> None:
        context.log_event(
            AssetCheckEvaluation(
                asset_key=AssetKey("tenant_backup"), check_name=check, passed=passed,
                severity=severity, description="Ann Smith",
                metadata={"tenant": "acme", "problems": 3, "balance": 1234},
            )
        )  # fmt: skip

    @job(name="looking")
    def made() -> None:
        look()

    return made


def run(instance: DagsterInstance, made, **tags: str) -> str:
    return made.execute_in_process(
        instance=instance, raise_on_error=False, tags=tags or {"ispmig/tenant": "acme"}
    ).run_id


def ticked(instance: DagsterInstance, cursor: Cursor | None = None) -> Cursor:
    return tick(instance, Platform(), cursor or Cursor(), lambda text: None)[1]


def told(posted: Posted) -> list[dict]:
    return [one for body in posted.bodies for one in json.loads(body)["alerts"]]


def alert(event: str = "e1", **said) -> Alert:
    plain = {"kind": Kind.RUN_FAILED, "tenant": "acme", "subject": "tenant_migration",
             "code": "source", "run_id": "r1", "at": AT}  # fmt: skip
    return Alert(event=event, **plain | said)


def note(one: Alert, now: dt.datetime = AT, hours: float = 6) -> bool:
    with engine().begin() as connection:
        return outbox.note(
            connection, one, ["webhook"], repeat_after=dt.timedelta(hours=hours), now=now
        )


def deliver(now: dt.datetime = AT) -> delivering.Delivered | None:
    return delivering.deliver(
        Platform().connect, delivering.channels(settings()), "https://ui.example", lambda: now
    )


def test_a_run_that_failed_is_told_once_with_a_link_and_without_a_word_of_its_error(
    posted: Posted, instance: DagsterInstance
) -> None:
    run_id = run(instance, failing())
    cursor = ticked(instance)
    ticked(instance, cursor)
    ticked(instance)  # from the beginning, as after a cursor that was lost
    (one,) = told(posted)
    assert (one["kind"], one["tenant"], one["code"]) == ("run_failed", "acme", "source")
    assert one["url"] == f"http://127.0.0.1:3000/runs/{run_id}"
    assert b"Ann" not in b"".join(posted.bodies)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (failing("law"), "law_broken"),
        (failing("audit", "audit_chain"), "audit_broken"),
        (failing("backup", "tenant_drill"), "drill_failed"),
        (checking("fresh", False), "backup_late"),
        (checking("restorable", False), "drill_failed"),
        (checking("unbroken", False), "audit_broken"),
        (checking("conservation", False), "law_broken"),
        (checking("of_somebody_else", False), "check_failed"),
    ],
)
def test_what_failed_is_known_by_its_code_or_check(
    posted: Posted, instance: DagsterInstance, made, kind: str
) -> None:
    run(instance, made)
    ticked(instance)
    (one,) = told(posted)
    assert (one["kind"], one["tenant"]) == (kind, "acme")
    assert set(one["counts"]) <= {"problems"}


@pytest.mark.parametrize(
    "made",
    [
        checking("fresh", True),
        checking("fresh", False, AssetCheckSeverity.WARN),
        checking(next(iter(RuleKind)).value, False),
    ],
    ids=["passed", "only warned", "records in quarantine"],
)
def test_what_is_nobodys_business_does_not_ring(
    posted: Posted, instance: DagsterInstance, made
) -> None:
    run(instance, made)
    ticked(instance)
    assert posted.bodies == []


def of_all_tenants(*slugs: str):
    """A check that goes through all tenants, and fails for these."""

    @op(name="look")
    def look(context) -> None:
        context.log_event(
            AssetCheckEvaluation(
                asset_key=AssetKey("tenant_backup"), check_name="fresh", passed=not slugs,
                severity=AssetCheckSeverity.ERROR, description="Ann Smith",
                metadata={AFFECTED: list(slugs), "tenants": 3},
            )
        )  # fmt: skip

    @job(name="looking")
    def made() -> None:
        look()

    return made


def test_a_backup_that_is_late_rings_for_its_tenant_also_when_another_one_was_late_before(
    posted: Posted, instance: DagsterInstance
) -> None:
    run(instance, of_all_tenants("north"), unrelated="tag")
    cursor = ticked(instance)
    run(instance, of_all_tenants("acme", "north"), unrelated="tag")
    ticked(instance, cursor)
    assert [(one["kind"], one["tenant"]) for one in told(posted)] == [
        ("backup_late", "north"), ("backup_late", "acme"),
    ]  # fmt: skip
    assert told(posted)[0]["title"] == "The backup of north is late"


def test_what_hurts_very_many_tenants_is_one_alert(
    posted: Posted, instance: DagsterInstance
) -> None:
    run(instance, of_all_tenants(*(f"isp{n}" for n in range(101))), unrelated="tag")
    ticked(instance)
    assert [one["tenant"] for one in told(posted)] == [None]


def test_a_run_of_a_dropped_file_is_a_drop_that_failed(
    posted: Posted, instance: DagsterInstance
) -> None:
    run(instance, failing(), **{"ispmig/drop": "7.1", "ispmig/tenant": "acme"})
    ticked(instance)
    assert [one["kind"] for one in told(posted)] == ["drop_failed"]


def test_what_dagster_will_retry_is_told_only_when_no_retry_comes(
    posted: Posted, instance: DagsterInstance
) -> None:
    run_id = run(instance, failing())
    instance.add_run_tags(run_id, {"dagster/will_retry": "true"})
    cursor = ticked(instance)
    assert posted.bodies == []
    cursor.retried[run_id] -= 1000
    ticked(instance, cursor)
    assert [one["run_id"] for one in told(posted)] == [run_id]


def test_a_storm_is_one_alert_and_a_count(posted: Posted, instance: DagsterInstance) -> None:
    for _ in range(6):
        run(instance, failing())
    ticked(instance)
    (one,) = told(posted)
    assert one["repeated"] == 5
    assert len(posted.bodies) == 1


def test_what_says_the_same_rings_again_after_some_hours(posted: Posted) -> None:
    assert note(alert("e1"))
    deliver()
    assert not note(alert("e2"), AT + dt.timedelta(hours=5))
    assert note(alert("e3"), AT + dt.timedelta(hours=7))
    assert note(alert("e4", tenant="other"), AT + dt.timedelta(hours=5))
    deliver(AT + dt.timedelta(hours=7))
    assert [(one["tenant"], one["repeated"]) for one in told(posted)] == [
        ("acme", 0), ("acme", 1), ("other", 0)
    ]  # fmt: skip


def test_a_receiver_that_is_down_is_told_later_and_then_once(posted: Posted) -> None:
    posted.statuses = [503, 500]
    note(alert())
    assert "503" in deliver().problems["webhook"]
    deliver(AT + dt.timedelta(seconds=10))  # too early to ask again
    assert len(posted.bodies) == 1
    deliver(AT + dt.timedelta(seconds=31))
    deliver(AT + dt.timedelta(seconds=62))  # twice as long now
    assert len(posted.bodies) == 2
    assert deliver(AT + dt.timedelta(seconds=95)).sent == {"webhook": 1}
    deliver(AT + dt.timedelta(hours=9))
    assert len(posted.bodies) == 3
    assert len({headers["Idempotency-Key"] for headers in posted.headers}) == 1


def test_who_dies_between_sending_and_noting_sends_the_same_again(
    posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(alert())
    with monkeypatch.context() as dying:
        dying.setattr(outbox, "sent", _die)
        with pytest.raises(KeyboardInterrupt):
            deliver()
    deliver()
    first, second = told(posted)
    assert first["id"] == second["id"]
    assert posted.headers[0]["Idempotency-Key"] == posted.headers[1]["Idempotency-Key"]


def _die(*args: object) -> None:
    raise KeyboardInterrupt


def test_two_do_not_send_at_once(posted: Posted) -> None:
    note(alert())
    with Platform().connect() as other, outbox.alone(other) as mine:
        assert mine
        assert deliver() is None
    assert posted.bodies == []


def test_a_receiver_is_not_followed_elsewhere(posted: Posted) -> None:
    posted.statuses = [302]
    note(alert())
    assert "302" in deliver().problems["webhook"]
    assert posted.paths == ["/hook"]


def recipe():
    text = (PROJECT / "docs" / "alerts.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python verify\n(.*?)```", text, re.DOTALL)
    scope: dict = {}
    exec(code, scope)  # noqa: S102 - the documented recipe, as a receiver would have it
    return scope["is_ours"]


def test_the_documented_recipe_verifies_what_is_sent_and_nothing_else(posted: Posted) -> None:
    note(alert())
    deliver()
    body, header = posted.bodies[0], posted.headers[0][signature.HEADER]
    is_ours = recipe()
    assert is_ours(body, header, SECRET)
    assert not is_ours(body + b" ", header, SECRET)
    assert not is_ours(body, header, SECRET + "!")
    seconds = int(header.split(",")[0][2:])
    old = signature.sign(body, [SECRET], seconds - 400)
    assert not is_ours(body, old, SECRET)
    forged = header.replace(f"t={seconds}", f"t={seconds + 1}")
    assert not is_ours(body, forged, SECRET)
    assert is_ours(body, signature.sign(body, ["another secret here", SECRET], seconds), SECRET)


@pytest.mark.parametrize(
    ("header", "holds"),
    [("t=1000,v1={ok}", True), ("t=1000,t=1000,v1={ok}", False), ("v1={ok}", False),
     ("t=x,v1={ok}", False), ("", False), ("t=1000,v1=é", False)],
)  # fmt: skip
def test_a_signature_is_read_strictly(header: str, holds: bool) -> None:
    ok = signature.sign(b"body", [SECRET], 1000).partition("v1=")[2]
    assert signature.verify(b"body", header.format(ok=ok), SECRET, 1000.0) is holds
    assert not signature.verify(b"body", header.format(ok=ok), SECRET, 1301.0)


@pytest.mark.parametrize(
    "url",
    ["http://example.net/hook", "ftp://example.net", "https://", "https://user:pw@example.net/",
     "https://exam ple.net", "http://127.0.0.1.example.net/", "http://localhost@example.net/"],
)  # fmt: skip
def test_an_unsafe_webhook_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        webhook(url, [SECRET])
    assert url.partition("://")[2] not in str(refused.value) or url == "https://"


def test_nothing_is_sent_unsigned() -> None:
    for secrets in ([], ["short"]):
        with pytest.raises(UsageError, match="ISPMIG_ALERT_WEBHOOK_SECRET"):
            webhook("https://example.net/hook", secrets)


def mailed_to(received: Mailed) -> object:
    return mail(f"smtp://127.0.0.1:{received.port}", "ispmig@example.net", ["ops@example.net"])


def test_mail_is_encrypted_where_the_server_offers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_receiver(certificate) as received:
        mailed_to(received).send(sample(AT, "https://ui.example"))
    assert received.encrypted == [True]
    assert received.receivers == ["ops@example.net"]
    assert "Subject: [ispmig] This is a test: nothing has happened" in received.letters[0]
    assert "Auto-Submitted: auto-generated" in received.letters[0]


def test_a_mail_server_that_cannot_prove_who_it_is_gets_nothing(tmp_path: Path) -> None:
    with mail_receiver(self_signed(tmp_path)) as received, pytest.raises(AlertError, match="prove"):
        mailed_to(received).send(sample(AT, "https://ui.example"))
    assert received.letters == []


def test_only_this_machines_own_mail_server_may_do_without_encryption(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with mail_receiver() as received:
        mailed_to(received).send(sample(AT, "https://ui.example"))
        assert received.encrypted == [False]
        monkeypatch.setattr("ispmig_pipelines.alerting.mail.is_loopback", lambda host: False)
        with pytest.raises(AlertError, match="STARTTLS"):
            mailed_to(received).send(sample(AT, "https://ui.example"))
    assert len(received.letters) == 1


@pytest.mark.parametrize(
    ("server", "to"),
    [("http://mail.example", "a@b.example"), ("smtp://", "a@b.example"),
     ("smtp://mail.example", "a@b.example\r\nBcc: x@y.example"), ("smtp://m.example:x", "a@b.c")],
)  # fmt: skip
def test_mail_that_could_go_astray_is_refused(server: str, to: str) -> None:
    with pytest.raises(UsageError):
        mail(server, "ispmig@example.net", [to])


def test_one_receiver_that_is_down_holds_up_no_other(
    posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISPMIG_ALERT_EMAIL", "ops@example.net")
    monkeypatch.setenv("ISPMIG_ALERT_SMTP", "smtp://127.0.0.1:1")
    settings.cache_clear()
    result = CliRunner().invoke(app, ["alerts", "test", "--json"])
    assert result.exit_code == 3
    said = json.loads(result.stdout)
    assert [one["sent"] for one in said["channels"]] == [True, True, False]
    assert said["error"]["code"] == "alert"
    assert told(posted)[0]["kind"] == "test"


def test_what_was_told_is_listed(posted: Posted) -> None:
    note(alert())
    note(alert("e2"))
    deliver()
    said = json.loads(CliRunner().invoke(app, ["alerts", "list", "--json"]).stdout)
    (one,) = said["alerts"]
    assert (one["repeats"], one["channels"][0]["state"]) == (1, "sent")
    assert "again" in CliRunner().invoke(app, ["alerts", "list"]).stdout


def test_every_kind_has_its_section_and_every_example_its_members(posted: Posted) -> None:
    page = (PROJECT / "docs" / "alerts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (\w+)$", page, re.MULTILINE)) == {kind.value for kind in Kind}
    (example,) = re.findall(r"```json message\n(.*?)```", page, re.DOTALL)
    note(alert())
    deliver()
    sent, shown = json.loads(posted.bodies[0]), json.loads(example)
    assert shown.keys() == sent.keys()
    assert shown["alerts"][0].keys() == sent["alerts"][0].keys()


def test_a_drop_that_failed_without_a_run_is_told(
    posted: Posted, instance: DagsterInstance
) -> None:
    with engine().begin() as connection:
        connection.execute(
            sa.text(
                "insert into ispmig.drops (tenant, state, place, files, closed_by, attempt, why,"
                " seen_at, changed_at) values ('acme', 'failed', 'p', '[]', 'age', 1, 'x', now(),"
                " now())"
            )
        )
    ticked(instance)
    ticked(instance)
    assert [(one["kind"], one["tenant"]) for one in told(posted)] == [("drop_failed", "acme")]
