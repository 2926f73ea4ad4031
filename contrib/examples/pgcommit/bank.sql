-- The bank: debits an account. A deal is "ACCOUNT AMOUNT".
CREATE TABLE account (name text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));

CREATE FUNCTION deal(what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	amount bigint := split_part(what, ' ', 2);
BEGIN
	IF amount <= 0 THEN
		RAISE EXCEPTION 'not an amount: %', amount;
	END IF;
	UPDATE account SET balance = balance - amount WHERE name = split_part(what, ' ', 1);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no such account: %', what;
	END IF;
END $$;
