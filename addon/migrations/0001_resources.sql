-- The same text for PostgreSQL and SQLite. Times are seconds, `held_until` is milliseconds, since 1970.
-- What ends in `_sealed` is encrypted; an empty text stands for none.
CREATE TABLE resources (
  uuid TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  plan TEXT NOT NULL,
  name TEXT NOT NULL,
  connection TEXT NOT NULL,
  command TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  key_sealed TEXT NOT NULL,
  grant_sealed TEXT NOT NULL,
  tokens_sealed TEXT NOT NULL,
  unpushed BIGINT NOT NULL,
  seen_status TEXT NOT NULL,
  seen_since BIGINT NOT NULL,
  holder TEXT NOT NULL,
  held_until BIGINT NOT NULL,
  changed_at BIGINT NOT NULL
);

CREATE INDEX resources_state ON resources (state);

-- A row is written before its connection is made, so that none is forgotten.
CREATE TABLE connections (
  uuid TEXT NOT NULL REFERENCES resources (uuid),
  name TEXT NOT NULL,
  PRIMARY KEY (uuid, name)
);
