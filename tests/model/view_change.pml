/*
 * View changes: one sequence number, four replicas of which one lies, views 0 to LAST_VIEW. README.md says
 * what is left out and why that hides nothing. Built with -DBUG_x it has a mistake, which has to be found.
 *
 * Messages are not queued: what was sent stays sent, and a replica may act on any of it at any moment. So loss,
 * delay, repetition and reordering are all there: they are the steps that are not taken, or are taken late.
 */
#define N 4
#define F 1
#ifndef LAST_VIEW
#define LAST_VIEW 2
#endif
#define VIEWS (LAST_VIEW + 1)

#ifdef BUG_QUORUM			/* 2f instead of 2f+1 VIEW-CHANGEs make a NEW-VIEW */
#define CHANGES (2 * F)
#else
#define CHANGES (2 * F + 1)
#endif
#ifdef BUG_COMMITS			/* 2f COMMITs are enough */
#define COMMITS (2 * F)
#else
#define COMMITS (2 * F + 1)
#endif
#ifdef BUG_PREPARES			/* 2f-1 PREPAREs make a certificate */
#define PREPARES (2 * F - 1)
#else
#define PREPARES (2 * F)
#endif

#define primary(v) ((v) % N)
#define at(r, v) ((r) * VIEWS + (v))

/* batches: two are enough, see README.md */
#define NONE 0
#define A 1
#define B 2

/* what a VIEW-CHANGE says of the sequence; CLAIM + v: a prepared certificate of view v */
#define UNSENT 0
#define STABLE 1	/* a stable checkpoint covers it */
#define NOTHING 2
#define CLAIM 3

byte liar;			/* who; chosen first */
byte view[N];			/* nothing is voted below it */
byte vote[N * VIEWS];		/* the batch of its PREPARE; of a primary: of its PRE-PREPARE or NEW-VIEW */
bit prepared[N * VIEWS];	/* has sent COMMIT for vote[] */
byte change[N * VIEWS];		/* its VIEW-CHANGE for that view */
byte chosen;			/* the batch for which there are COMMITS COMMITs in some view */

/* Of one step only: zero between steps, so that they make no states. */
byte r, v, w, d, i, j, count, best, result, low, signers;
byte q[N];			/* the VIEW-CHANGE taken of each, in a NEW-VIEW */
byte q_batch[N];		/* and the batch of its certificate */

inline forget()
{
	r = 0; v = 0; w = 0; d = 0; i = 0; j = 0; count = 0; best = 0; result = 0; low = 0; signers = 0;
	for (i in q) { q[i] = 0; q_batch[i] = 0 }
	i = 0
}

/* count: backups that have signed PREPARE(w, d), the liar's among them */
inline count_prepares()
{
	count = (liar != primary(w) -> 1 : 0);
	for (i : 0 .. N - 1) {
		if
		:: i != liar && i != primary(w) && vote[at(i, w)] == d -> count++
		:: else
		fi
	}
	i = 0
}

/* count: COMMIT(w, d), the liar's among them */
inline count_commits()
{
	count = 1;
	for (i : 0 .. N - 1) {
		if
		:: i != liar && prepared[at(i, w)] && vote[at(i, w)] == d -> count++
		:: else
		fi
	}
	i = 0
}

/* ---- the normal case, draft {#prepare} {#commit} ---- */

#define started() (vote[at(0, 0)] + vote[at(1, 0)] + vote[at(2, 0)] + vote[at(3, 0)] > 0)

inline vote_in_view_0()
{
	if
	:: d = A
	:: started() -> d = B		/* the first one is called A */
	fi;
	if
	:: r == primary(0) || liar == primary(0) -> vote[at(r, 0)] = d
	:: else -> vote[at(r, 0)] = vote[at(primary(0), 0)]	/* NONE: not proposed yet */
	fi
}

inline prepare()
{
	d = vote[at(r, w)];
	count_prepares();
	if
	:: count >= PREPARES -> prepared[at(r, w)] = 1;
		/* S4: no two certificates for one view */
		for (i : 0 .. N - 1) {
			assert(i == liar || !prepared[at(i, w)] || vote[at(i, w)] == d)
		}
		i = 0;
		count_commits();
		if
		:: count >= COMMITS -> assert(chosen == NONE || chosen == d); chosen = d	/* S1 */
		:: else
		fi
	:: else
	fi
}

/* ---- VIEW-CHANGE, draft {#view-change} ---- */

inline leave()
{
	change[at(r, v)] = NOTHING;
#ifndef BUG_CLAIMS		/* certificates are left out */
	for (w : 0 .. v - 1) {
		if
		:: prepared[at(r, w)] -> change[at(r, v)] = CLAIM + w
		:: else
		fi
	}
#endif
	if
	:: true
	:: chosen != NONE -> change[at(r, v)] = STABLE	/* executed, and a checkpoint became stable */
	fi;
	view[r] = v
}

/* The liar's VIEW-CHANGE: whatever it can prove. */
inline lie()
{
	if
	:: q[liar] = NOTHING
	:: chosen != NONE -> q[liar] = STABLE
	:: true ->
		for (w : 0 .. v - 1) {
			if
			:: q[liar] == UNSENT ->
				if
				:: d = A
				:: d = B
				:: d = NONE
				fi;
				count_prepares();
				if
				:: d != NONE && count >= PREPARES &&
				   (liar == primary(w) || vote[at(primary(w), w)] == d) ->
					q[liar] = CLAIM + w;
					q_batch[liar] = d
				:: else
				fi
			:: else
			fi
		}
		if
		:: q[liar] == UNSENT -> q[liar] = NOTHING
		:: else
		fi
	fi
}

/* ---- NEW-VIEW, draft {#new-view} ---- */

/* q: some of the VIEW-CHANGEs that there are for v; signers: how many */
inline choose_changes()
{
	for (j : 0 .. N - 1) {
		if
		:: j == liar -> lie(); signers++
		:: j != liar && change[at(j, v)] != UNSENT ->
			q[j] = change[at(j, v)];
			signers++;
			if
			:: q[j] >= CLAIM -> q_batch[j] = vote[at(j, q[j] - CLAIM)]
			:: else
			fi
		:: true		/* without this one */
		fi
	}
	j = 0
}

/* low: the sequence is below the low watermark; result: what the claims say, NONE: they say nothing */
inline compute()
{
	for (i : 0 .. N - 1) {
		if
		:: q[i] == STABLE -> low++
		:: else
		fi;
		if
#ifdef BUG_LOWEST		/* the certificate of the lowest view */
		:: q[i] >= CLAIM && (best == 0 || q[i] < best) -> best = q[i]; result = q_batch[i]
#else
		:: q[i] >= CLAIM && q[i] > best -> best = q[i]; result = q_batch[i]
#endif
		:: else
		fi
	}
#ifdef BUG_WATERMARK		/* the lowest stable checkpoint */
	low = (low == signers -> 1 : 0);
#endif
	i = 0
}

/* S5: what is committed in a lower view is in it */
inline check_new_view()
{
	for (w : 0 .. v - 1) {
		for (d : A .. B) {
			count_commits();
			assert(count < COMMITS || d == result)
		}
	}
	d = NONE
}

inline enter()
{
	if
	:: r != primary(v) && liar != primary(v) ->
		result = vote[at(primary(v), v)]	/* its NEW-VIEW, which everybody computes alike */
	:: else ->
		choose_changes();
		if
		:: signers >= CHANGES && (r != primary(v) || q[r] != UNSENT) ->
			compute();
			if
			:: low != 0 -> result = NONE	/* no vote on it in this view */
#ifdef BUG_RECOMPUTE		/* backups believe the NEW-VIEW */
			:: low == 0 && (result == NONE || liar == primary(v)) ->
#else
			:: low == 0 && result == NONE ->
#endif
				/* a null batch, or a fresh one later on */
				if
				:: result = A
				:: result = B
				fi
			:: else
			fi
		:: else -> result = NONE
		fi
	fi;
	if
	:: result != NONE -> check_new_view(); vote[at(r, v)] = result; view[r] = v
	:: else
	fi
}

/* ---- */

#ifdef BUG_BELOW		/* who has sent VIEW-CHANGE still prepares below */
#define may_prepare(r, w) (view[r] >= (w))
#else
#define may_prepare(r, w) (view[r] == (w))
#endif

inline step()
{
	if
	:: view[r] == 0 && vote[at(r, 0)] == NONE -> vote_in_view_0()
	:: may_prepare(r, w) && vote[at(r, w)] != NONE && !prepared[at(r, w)] -> prepare()
	:: v > view[r] -> leave()
	:: v > 0 && v >= view[r] && vote[at(r, v)] == NONE -> enter()
	:: else
	fi
}

active proctype network()
{
	if
	:: liar = 0
	:: liar = 1
	:: liar = 2
	:: liar = 3
	fi;
	do
	:: atomic {
		select(r : 0 .. N - 1);
		select(v : 0 .. LAST_VIEW);
		w = v;
		if
		:: r != liar -> step()
		:: else
		fi;
		forget()
	}
	od
}
