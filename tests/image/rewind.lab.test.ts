import assert from "node:assert/strict";
import { emptyVolume, setUp, tearDown, tool } from "./vaults";

/** Two databases on one volume, of which the second is promoted while the first goes on: as two regions, on one socket. */
const fork = `
set -eu
volume=/var/lib/postgresql/data
initdb --data-checksums --username=postgres --pgdata=$PGDATA > /dev/null
options="-c listen_addresses= -c archive_mode=on -c archive_command=false"
pg_ctl start --wait --silent --pgdata=$PGDATA --log=/tmp/first.log --options="$options -c port=5432"
psql -qc "CREATE TABLE t (who text)" -c "INSERT INTO t VALUES ('both')"
pg_basebackup --pgdata=$volume/second --write-recovery-conf --checkpoint=fast
pg_ctl start --wait --silent --pgdata=$volume/second --log=/tmp/second.log --options="$options -c port=5433"
until psql -qAtp 5433 -c "SELECT 1 FROM t" | grep -q 1; do :; done
pg_ctl promote --wait --silent --pgdata=$volume/second
psql -qp 5433 -c "INSERT INTO t VALUES ('second')" -c CHECKPOINT
rewind() {
  marimo-rewind --target-pgdata=$PGDATA --source-server="host=/run/postgresql port=5433 user=postgres dbname=postgres"
}
lose() { psql -qc "INSERT INTO t VALUES ('first')" -c "INSERT INTO t VALUES ('first')"; }
stop() { pg_ctl stop --wait --silent --mode=fast --pgdata=$PGDATA; }
kept() { ls $volume/aside/*/*; cat $volume/aside/*/transactions.json; }
`;

describe("marimo-rewind, with PostgreSQL's own pg_rewind", function () {
  this.timeout(300_000);
  before(setUp);
  after(tearDown);
  beforeEach(() => {
    emptyVolume("rewind");
  });

  const script = (rest: string) => tool("rewind", ["bash", "-c", fork + rest]);

  it("keeps what only the first has, and rewinds it", async () => {
    const { code, output } = await script(`
      lose; stop; rewind; kept
      echo "hard links: $(find $volume/aside -type f -links +1 | wc -l)"
      pg_ctl start --wait --silent --pgdata=$PGDATA --log=/tmp/first.log --options="$options -c port=5432"
      psql -qAtc "SELECT string_agg(who, ',') FROM t"
    `);
    assert.equal(code, 0, output);
    assert.match(
      output,
      /ALARM aside: 2 commits between .* are not in the database any more.*data\/aside\/00000001-0-/,
    );
    assert.match(output, /"commits": 2,[^]*"complete": true,[^]*"relations": \{\s+"1663\/5\/\d+": 2/);
    assert.match(output, /aside\/00000001-0-\w+\/00000001[0-9A-F]{16}\n/);
    assert.match(output, /hard links: 0\n/);
    assert.match(output, /\nboth,second$/);
  });

  it("keeps nothing where nothing would be lost", async () => {
    const { code, output } = await script("psql -qc CHECKPOINT; stop; rewind; ls -A $volume/aside; echo end");
    assert.equal(code, 0, output);
    assert.match(output, /aside: no commit after .*nothing to keep/);
    assert.match(output, /\nend$/);
  });

  it("keeps it once, however often it is tried", async () => {
    const { code, output } = await script(`
      lose; stop
      marimo-rewind --target-pgdata=$PGDATA --source-server="host=/run/postgresql port=5433 user=postgres" --nonsense && exit 3
      rewind; kept
    `);
    assert.equal(code, 0, output);
    assert.equal(output.match(/"commits": 2/g)?.length, 1, output);
  });

  it("loses nothing when the source does not answer and Patroni removes the data directory", async () => {
    const { code, output } = await script(`
      lose; stop
      pg_ctl stop --wait --silent --mode=immediate --pgdata=$volume/second
      rewind && exit 3
      rm -r $PGDATA
      pg_waldump --rmgr=Transaction --path=$volume/aside/unsorted --start=0/3000000 || true
    `);
    assert.equal(code, 0, output);
    assert.match(output, /ALARM aside: the source can't be asked for its history/);
    assert.ok((output.match(/desc: COMMIT/g)?.length ?? 0) >= 2, output);
  });

  it("answers Patroni's question whether a rewind is possible", async () => {
    const { code, output } = await tool("rewind", ["marimo-rewind", "--help"]);
    assert.equal(code, 0, output);
    assert.match(output, /--source-server/);
  });
});
