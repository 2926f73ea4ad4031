-- The cash machine: notes what it gives out. A deal is "ACCOUNT AMOUNT".
CREATE TABLE payout (name text PRIMARY KEY, total bigint NOT NULL);

CREATE FUNCTION deal(what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	amount bigint := split_part(what, ' ', 2);
BEGIN
	IF amount <= 0 OR amount % 10 <> 0 THEN
		RAISE EXCEPTION 'no notes for: %', amount;
	END IF;
	INSERT INTO payout VALUES (split_part(what, ' ', 1), amount)
		ON CONFLICT (name) DO UPDATE SET total = payout.total + amount;
END $$;
