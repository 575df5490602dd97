/**
 * Chosen numbers that no option changes, each with its unit and its reason. A number that matters to one algorithm only
 * stands with that algorithm.
 */

/* Membership. */

/** Between two renewals, in milliseconds. After three missed renewals, other relays stop counting on this one. */
export const renewalMs = 1_000
/**
 * How long a relay may use what it has read of the others, in milliseconds. After that it claims nothing until it has
 * read again.
 */
export const viewMs = 2_000
/**
 * How long a relay waits before it claims for an origin gained from a living relay, in milliseconds: until the other's
 * view has ended, and a little more.
 */
export const handOverMs = 2_100
/** A claim without an answer for this long is stuck, in milliseconds. Its relay does not serve. */
export const stuckClaimMs = 2_000

/* Reading. */

/** Most new rows in one read: enough that the round trip does not matter. */
export const pageRows = 1_000
/**
 * How far a tip reads back, in milliseconds and rows: rows become visible (COMMIT) later than they get their place
 * (INSERT). The long look-back is used now and then. A sweep finds the rest.
 */
export const shortLookBack = { ms: 500, rows: 2_000 } as const
export const longLookBack = { ms: 10_000, rows: 10_000 } as const
/** Most gaps between known ids in one read. Each costs a microsecond or two. */
export const mostGaps = 100
/** Between two long look-backs, in milliseconds. */
export const longLookPauseMs = 200
/** With more new ids than this, a tip jumps to the end. A sweep finds the rows between. */
export const jumpIds = 10_000
/** How far before the end a tip goes on after a jump, in ids. Rows that follow a flood need not wait for it. */
export const jumpBackIds = 1_000
/** Full pages of due rows in a row after which the due tip jumps. */
export const jumpPages = 10
/** Between two reads of due rows while new rows come, in milliseconds. */
export const duePauseMs = 25
/**
 * Largest share of time for reads of due rows that find none. New rows wait meanwhile, and on a busy machine such a read takes
 * 15 ms.
 */
export const dueShare = 1 / 10
/** How long new rows of which notifications tell come before all other reads, in milliseconds. */
export const newFirstMs = 25
/**
 * How far ahead such a read looks for the next due time, in milliseconds. While a snapshot is held, the entries of
 * cancelled rows stay: 300,000 of them cost 60 ms a read. It is longer than `choresMs`, so it adds no look.
 */
export const dueAheadMs = 2_000
/**
 * Most index entries that a pull reads: a million rows behind others of their key may stand before the next head. A
 * statement quicker than `quickMs` doubles the number for the next, one slower than `slowMs` halves it: new rows wait
 * meanwhile.
 */
export const pullEntries = { least: 125, most: 1_000, quickMs: 4, slowMs: 8 } as const
/** Most pulls in one statement. */
export const pullsAtOnce = 64
/** Most keys asked for in one statement. */
export const keysAtOnce = 100
/** First span of a pull, in ids. A span is needed since dead index entries cost time, but do not count for a limit. */
export const pullIds = 20_000
/** First span of a pull of due rows, in microseconds of due time. */
export const pullUs = 20_000_000
/** A pull quicker than `quick` doubles its span, one slower than `slow` halves it; in milliseconds. */
export const pullMs = { quick: 5, slow: 50 } as const
/** Largest share of time for pulls that find nothing. */
export const pullShare = 1 / 5
/** Most time for pulls before new rows are read again, in milliseconds. */
export const pullingMs = 20
/**
 * Index entries in one page of the search for orphaned claims: 6 to 15 ms after a relay has gone, else about 1 ms, for which
 * new rows may wait. Most pages hold no claim.
 */
export const claimedPageEntries = { wanted: 20_000, regular: 2_000 } as const
/**
 * Between two regular searches for orphaned claims, in milliseconds. They find what a dump restored, and what relays that
 * have stopped left behind.
 */
export const orphansPauseMs = 5_000
/** Origins found by one step of the sweep. */
export const sweptOrigins = 200
/** Shortest time between two sweeps, in milliseconds. */
export const sweepPauseMs = 1_000
/**
 * Longest time between two sweeps, in milliseconds. It matters if the server stood still during a sweep, which then
 * looks expensive.
 */
export const longestSweepPauseMs = 60_000
/** The same between two steps of a sweep, and for what pulls have worked that found nothing. */
export const longestStepPauseMs = 10_000
/**
 * Largest share of time for each search that nothing asks for: sweeps, orphaned claims, all expired rows. They also read
 * dead index entries, of which a held snapshot may keep a million. Where the longest pause ends sooner, it is more.
 */
export const sweepShare = 1 / 50
/** Largest share of time for long look-backs, and for looks at whether a drain has ended. */
export const lookShare = 1 / 20
/** Between two reads of expired rows and changed holds, in milliseconds. */
export const choresMs = 1_000
/** Most rows that expire in one statement. */
export const expiryRows = 500
/** The same after PostgreSQL has refused one of them: each of the next may be refused, and takes two statements then. */
export const refusedExpiryRows = 16

/** Before background work whose statement PostgreSQL cancelled is tried again, in milliseconds. */
export const cancelledPause = { baseMs: 1_000, capMs: 30_000 } as const
/** How long after that its statements are limited to `carefulStatementMs`, in milliseconds. */
export const carefulMs = 600_000
/** Most time of such a statement, in milliseconds: new rows wait meanwhile. */
export const carefulStatementMs = 1_000

/* Origins. */

/** POSTs at once to an origin without a setting: at first, and at most. */
export const adaptive = { concurrency: 16, growsTo: 64 } as const
/** Room of an origin in memory for rows that are ready to go, as milliseconds of its recent pace. */
export const roomMs = 100
/** Most room of an origin. */
export const mostRoom = 1_024
/** With so many rows of an origin claimed and not recorded, memory takes in no other: perhaps no record is accepted. */
export const mostUnderWay = 1_024
/** A POST without an answer for this long is slow, in milliseconds. Others need not wait for it. */
export const slowMs = 1_000
/** Origins without anything under way whose state (window, rest) is remembered. */
export const idleOrigins = 5_000

/** After an outage: most rows made due in one statement, and most index entries that it reads. */
export const forwardRows = 500
/** Largest share of time for such statements. */
export const forwardShare = 1 / 5
/** How often the same row is the probe of its origin within one outage. After that, another row is. */
export const probesOfRow = 3
/** Origins and URLs whose probes are counted. Beyond it, the one probed longest ago counts anew. */
export const probedOrigins = 5_000
/** Most operators' requests to retry a row now that are kept until they are handled. */
export const mostRetries = 1_000
/** URLs of one origin whose state is remembered. */
export const knownUrls = 20
/** URLs of one origin that may wait apart. More URLs in trouble wait with the rest of the origin. */
export const urlsApart = 20

/* Waking. */

/** Longest pause between two reads while rows arrive in a stream, in milliseconds. It bounds the wait of a row. */
export const streamPauseMs = 4
/**
 * The same while only another writer's open transaction keeps the relay awake, in milliseconds. That may last for
 * hours.
 */
export const writerPauseMs = 40
/**
 * Above this insert rate, in rows a second, a relay stays awake and polls. Below it, a notification per row is quicker,
 * and cheaper for all.
 */
export const streamAbove = 400
/**
 * Below this insert rate, in rows a second, the relay may sleep again. Half of `streamAbove`, so that it does not
 * switch to and fro.
 */
export const calmBelow = 200
/**
 * Between two looks whether writers wait for one another to notify, while a relay sleeps and rows come; in milliseconds.
 * Writers may wait for that long.
 */
export const crowdAskMs = 250
/**
 * The listener counts as deaf after this many reads that found rows without a notification: `first`, then more each
 * time, up to `most`.
 */
export const doubtLooks = { first: 2, most: 64 } as const

/* Claiming. */

/** Rows claimed ahead for an origin, as milliseconds of its recent pace. */
export const aheadMs = 60
/**
 * Most rows claimed ahead, over all origins. If the relay dies, each of them is recorded as `unknown` although none was
 * sent.
 */
export const mostAhead = 256
/**
 * Between two claims ahead, in milliseconds, unless half of the rows ahead have started. It makes claims few and large: a
 * claim costs as much as 30 of its rows.
 */
export const refillMs = 30
/** A row claimed ahead that has not started after this time is released, in milliseconds. */
export const longestAheadMs = 1_000

/** Most new rows that are claimed as they are read: in a calm stream, a read finds few. */
export const mostCalm = 8
/** With more origins than this that have no slot at once, or with work under way, no row is claimed as it is read. */
export const calmOrigins = 100
/** A claim answered within this time may be twice as large next time, if the last reply was lost; in milliseconds. */
export const quickClaimMs = 1_000

/** Longest wait of the loops that claim and record, in milliseconds. Anything that matters ends it sooner. */
export const loopIdleMs = 1_000
/** Between two checks of the lease while POSTs are under way, in milliseconds. Without a lease they are aborted. */
export const leaseCheckMs = 250
/** Most superseded rows of a key cancelled by one statement. */
export const supersedeRows = 1_000
/** Before a row that another transaction has locked is tried again, in milliseconds. */
export const lockedPauseMs = 250
/**
 * Before a row that PostgreSQL refused (a trigger, a lost grant) is tried again, in milliseconds. It doubles with each
 * refusal.
 */
export const refusedPause = { baseMs: 1_000, capMs: 60_000 } as const
/** Refused rows whose number of tries is remembered. Beyond it, the one refused longest ago starts anew. */
export const refusedRows = 20_000
/** Most log lines about refused rows in a minute: a trigger may refuse a million rows. */
export const refusedLines = 60

/* Recording. */

/** Most outcomes in one statement. Later ones wait for its commit, and form the next batch. */
export const recordRows = 200
/**
 * Characters of excerpts after which a statement takes no more outcomes: five times the default excerpts of 200. The
 * longest excerpts of 200 are 13 MB, for which a link of 10 Mbit/s needs half of the default timeout.
 */
export const recordCharacters = 1_048_576
/**
 * A record answered within this time may be twice as large next time, if an earlier one had no answer; in milliseconds.
 * Its commit may wait a second or two for a standby, and twice this time is within the default timeout.
 */
export const quickRecordMs = 4_000
/**
 * How long an outcome waits for others, in milliseconds, and with how many a statement waits for no more: it costs some
 * 300 µs before its first row.
 */
export const gather = { ms: 5, rows: 64 } as const
/** The same while callbacks are claimed ahead: the slots have work meanwhile, and as many outcomes will follow. */
export const busyGather = { ms: 15, rows: 192 } as const
/** Unrecorded outcomes at which no more POSTs start. After a crash each of them is sent again. */
export const maxUnrecorded = 1_000

/* Retention. */

/**
 * Most settled callbacks that the janitor reads in one statement. Beyond it, the fixed cost of a statement no longer
 * matters.
 */
export const janitorRows = 1_000
/** Fewest rows in one statement of the janitor, even if they are expensive (perhaps a foreign key without an index). */
export const janitorLeastRows = 20
/**
 * Aim for the time of a statement of the janitor, in milliseconds. A read that is wanted meanwhile waits for its end.
 */
export const janitorStepMs = 10
/** Largest share of time for the janitor's statements. It deletes rows that are weeks old. */
export const janitorShare = 1 / 5
/** From connecting to the janitor's first read, in milliseconds. A relay that starts has more urgent work. */
export const janitorStartMs = 1_000
/** Between two checks whether another relay is still the janitor, in milliseconds. */
export const janitorAskMs = 30_000
/**
 * From the end of a retention run to the next, in milliseconds: rows kept for days go minutes late. A run without work
 * costs a millisecond.
 */
export const janitorPauseMs = 5 * 60_000
/** The longest such pause, in milliseconds. */
export const longestJanitorPauseMs = 3_600_000
/** Largest share of time for runs, up to the longest pause. A run also reads rows that are kept longer. */
export const janitorRunShare = 1 / 20

/* What `--drain` waits for. */

/** How long nothing must be due or being sent, in milliseconds. */
export const drainQuietMs = 1_000
/** Between two counts of what is left, in milliseconds. */
export const drainReadMs = 100

/* What people are told. */

/**
 * Between two summaries in the log, in milliseconds; also between two surveys of the tables if metrics are not served.
 */
export const summaryMs = 60_000
/** Between two surveys if metrics are served, in milliseconds: the default scrape interval. */
export const surveyMs = 15_000
/** An origin is failing after `failures` in a row, or after `fewFailures` in a row within `ms` milliseconds. */
export const failingAfter = { failures: 10, fewFailures: 3, ms: 30_000 } as const
/** Origins whose latest failures are remembered. */
export const watchedOrigins = 5_000

/* Connecting to the database. */

/** Timeout of connecting, and then of the first answer, in milliseconds. */
export const connectMs = 5_000
/**
 * The same if DATABASE_URL names several hosts. It is shorter, so that a lost host does not hide from the relay that
 * another was promoted.
 */
export const hostConnectMs = 2_000
/** With several hosts: before the next one is tried, too, in milliseconds. */
export const hostHeadStartMs = 500
/** An answer overdue by this time makes the relay ask about it over another session, in milliseconds. */
export const askAfterMs = 5_000
/** A session idle for this long gets a statement, in milliseconds. Proxies end idle connections, some after 50 s. */
export const idleSessionMs = 15_000
/** How long a server may take to end a session in order, in milliseconds. After that the socket is closed. */
export const closeMs = 5_000
/**
 * How long the sessions of the former link may take to end, in milliseconds. They end at once, unless their network is
 * broken.
 */
export const formerSessionsMs = 10_000
/** Between two tries to connect, in milliseconds. A passing reason (a restart) may end at any moment. */
export const passingPause = { baseMs: 50, capMs: 1_000 } as const
/**
 * The same if the database refuses what the relay needs, in milliseconds. An operator must act, which may take hours.
 */
export const refusingPause = { baseMs: 50, capMs: 10_000 } as const
/** An outage within this time of the last one keeps its backoff and its log throttling, in milliseconds. */
export const steadyMs = 10_000
/** Before a lasting reason is logged again, in milliseconds. */
export const reminderMs = 60_000
/** Most different reasons logged within that time. */
export const mostReasons = 10
/** Between two connections of the listener, in milliseconds. The slow poll finds rows meanwhile. */
export const listenerPause = { baseMs: 100, capMs: 10_000 } as const
/** A listener that lasted this long starts again with the shortest pause, in milliseconds. */
export const listenerSteadyMs = 60_000
/**
 * Tolerated difference between the database's clock and the relay's, in milliseconds. Receivers refuse timestamps that
 * are minutes off.
 */
export const clockToleranceMs = 5_000

/* Shutting down. */

/** How long aborted POSTs may take to end after the grace period, in milliseconds. */
export const abortMs = 1_000
/** How long the last outcomes may take to be recorded, in milliseconds: another try to connect, and the statement. */
export const lastRecordMs = 5_000

/* Sending. */

/**
 * Largest request body, in bytes. 64 KiB of JSON need far less (9 bytes a character), unless a long name is repeated.
 */
export const maxBodyBytes = 1_048_576
/** Before the next address of a host is tried, too, in milliseconds (RFC 8305). */
export const headStartMs = 250
/**
 * Most addresses of a name that are known, and that one connect tries. A lookup can give thousands. Each costs memory
 * and some 30 µs to judge. Each that is tried costs a millisecond, and perhaps a socket until the connect timeout.
 */
export const mostAddresses = { known: 64, tried: 6 } as const
/**
 * Most idle connections over all origins. Beyond it, the least recently used is closed. Each costs a file descriptor.
 */
export const maxIdleConnections = 512
/**
 * How long a connection may be idle, in milliseconds. Common servers close theirs after 5,000 ms, and a request sent at
 * that moment may end as `unknown`.
 */
export const keepAliveMs = 4_000
/**
 * Lifetime of a connection, in milliseconds, less up to a quarter at random. The next connection looks the name up
 * again.
 */
export const connectionLifetimeMs = 60_000
/** How long connections to an origin are not reused, in milliseconds, after a reused one failed during a request. */
export const reuseLostMs = 3_600_000
/** Origins for which that is remembered. */
export const reuseLostOrigins = 10_000
/** Origins whose settings are cached. Finding them again takes microseconds. */
export const knownOrigins = 10_000
/** If a look-up has no answer after this time, the last answer is used, in milliseconds. */
export const lookupPatienceMs = 500
/** Up to this age, in milliseconds. getaddrinfo does not tell how long an answer is valid. */
export const staleLookupMs = 3_600_000
/** Names whose last answer is kept. */
export const knownNames = 10_000

/* Answers. */

/** Longest answer head that is read, in bytes: four times Node's own limit. */
export const maxHeadBytes = 65_536
/** Longest head of a proxy's answer to CONNECT, in bytes: Node's own limit. */
export const maxTunnelHeadBytes = 16_384
/** Most bytes read of an answer's body. A longer body costs the connection. */
export const maxAnswerBytes = 65_536
/**
 * From the head of an answer to the end of its body, in milliseconds. The head decides. The body is for people, and for
 * the connection to be reused; it must not block its key.
 */
export const answerBodyMs = 1_000
/** Longest Retry-After that counts, in milliseconds. Neither a typo nor malice delays a callback for a century. */
export const maxRetryAfterMs = 30 * 24 * 3_600_000
