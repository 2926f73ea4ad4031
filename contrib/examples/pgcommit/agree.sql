-- What pgcommit needs in each party's database, besides the party's own function deal(text).

-- What was committed here. A row is written by the very transaction that it is about, so no deal is done twice.
CREATE TABLE agree_done (id text PRIMARY KEY, gid text NOT NULL);

-- How it ended, signed by the network: proves it to the other party, offline, for ever.
CREATE TABLE agree_proof (id text PRIMARY KEY, gid text NOT NULL, outcome text NOT NULL, proof bytea NOT NULL);
