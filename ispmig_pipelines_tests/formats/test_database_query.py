"""A query of a spec is one statement that only reads, or it is refused by its words."""

from __future__ import annotations

import pytest

from ispmig_pipelines.formats.database.query import NotARead, single_read

KINDS = ("postgresql", "mysql", "sqlite", "mssql", "oracle")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "query",
    [
        "select a from t",
        "  -- what is open\n  SELECT a FROM t /* all of it */ where b = 'x;y'",
        "with x as (select 1 a from t) select * from x",
        "(select a from t) union (select b from u)",
        "select replace(a, 'x', 'y'), 'delete from t; drop table t' from t",
    ],
)
def test_what_reads_is_read(kind: str, query: str) -> None:
    assert single_read(query, kind) == query


@pytest.mark.parametrize("kind", KINDS)
def test_a_semicolon_at_the_end_is_left_out(kind: str) -> None:
    assert single_read("select 1 from t ; -- done\n;", kind) == "select 1 from t "


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "query",
    [
        "", "  -- nothing", ";",
        "select 1; drop table t", "select 1; select 2",
        "delete from t", "insert into t values (1)", "update t set a = 1", "drop table t",
        "call p()", "set role x", "explain analyze delete from t", "do $$ begin end $$",
        "select 1) to stdout; commit; drop table t; copy (select 1",
        "select 1) x", "select (1", "select 'open", "select /* open", "copy t to '/tmp/x'",
        "attach 'x' as y", "pragma journal_mode = off", "exec sp_who", "begin", "vacuum",
    ],
)  # fmt: skip
def test_what_is_no_single_select_is_refused(kind: str, query: str) -> None:
    with pytest.raises(NotARead):
        single_read(query, kind)


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("mysql", "select * from t into outfile '/tmp/x'"),
        ("mysql", "select * into dumpfile '/tmp/x' from t"),
        ("mysql", "select a /*!50000 into outfile '/tmp/x' */ from t"),
        ("mysql", "with x as (select 1) delete from t"),
        ("mysql", "select 'a\\'; drop table t; -- '; select 1"),
        ("mssql", "select 1 drop table t"),
        ("mssql", "select * into copied from t"),
        ("mssql", "select 1 exec xp_cmdshell 'x'"),
        ("mssql", "with x as (select 1 a) update t set a = 1"),
        ("mssql", "select * from openrowset('a', 'b', 'c')"),
        ("oracle", "with function f return number is begin return 1; end; select f from dual"),
    ],
)
def test_what_a_database_of_its_kind_could_change_by_is_refused(kind: str, query: str) -> None:
    with pytest.raises(NotARead):
        single_read(query, kind)


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("mssql", "select [into], [update] from [set] where a = 'drop'"),
        ("mssql", 'select "exec" from t'),
        ("mysql", "select `into` from t # into outfile"),
        ("postgresql", "select $$;$$, E'\\'; drop' from t"),
        ("oracle", "select q'[it's; into]' a from dual"),
    ],
)
def test_words_in_quotes_and_comments_are_no_words(kind: str, query: str) -> None:
    assert single_read(query, kind) == query
