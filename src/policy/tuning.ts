/**
 * Numbers that were chosen, and that no option changes: each with its unit and the reason for it. Those that only mean something
 * inside one algorithm stand with that algorithm.
 */

/* Membership. */

/** Between two renewals, in milliseconds: others miss a relay after three. */
export const renewalMs = 1_000
/** How long a relay goes by what it has read of the others, in milliseconds. Then it claims nothing until it has read again. */
export const viewMs = 2_000
/** Who gains an origin from a living relay waits so long, in milliseconds: until that one's view has ended, and a little more. */
export const handOverMs = 2_100
/** A claim that has no answer for so long, in milliseconds, is stuck: the relay does not serve. */
export const stuckClaimMs = 2_000

/* Reading. */

/** New rows of one read: so many that the round trip does not count. */
export const pageRows = 1_000
/**
 * How far a tip looks back, by time in milliseconds and by rows, since rows become visible (COMMIT) later than they got their
 * place (INSERT). A short look each time: most transactions commit within it. A long one now and then; a sweep finds the rest.
 */
export const shortLookBack = { ms: 500, rows: 2_000 } as const
export const longLookBack = { ms: 10_000, rows: 10_000 } as const
/** Places between ids that were shown that one read looks into; each costs a microsecond or two. */
export const mostGaps = 100
/** Between two long ones, in milliseconds. */
export const longLookPauseMs = 200
/** With more new ids than this ahead of it a tip jumps to the end, and a sweep finds what lies between. */
export const jumpIds = 10_000
/** From the end it then goes on so many ids before it: what follows a flood must not wait for it. */
export const jumpBackIds = 1_000
/** Pages of due rows in a row after which the due tip jumps. */
export const jumpPages = 10
/** Between two reads of due rows while looks follow one another closely, in milliseconds. */
export const duePauseMs = 25
/** Index entries that a pull reads at most: of rows behind others of their key a million may stand before the next head. */
export const pullEntries = 1_000
/** Pulls in one statement. */
export const pullsAtOnce = 64
/** Keys asked about in one statement. */
export const keysAtOnce = 100
/** The span of ids that a pull begins with: dead index entries are not counted by a limit, but cost the same. */
export const pullIds = 20_000
/** The same of due times, in microseconds. */
export const pullUs = 20_000_000
/** A pull is quick below so many milliseconds, and its span doubles; slow above the other, and it halves. */
export const pullMs = { quick: 5, slow: 50 } as const
/** The part of the time that pulls may take which find nothing. */
export const pullShare = 1 / 5
/** How long a look goes on with pulls before it looks for new rows again, in milliseconds. */
export const pullingMs = 20
/** Index entries walked at a time in search of orphaned claims, of which most pages hold none: some 20 ms. */
export const claimedPageEntries = 20_000
/** Between two searches for orphaned claims that nothing asks for, in milliseconds: what was restored from a dump. */
export const orphansPauseMs = 5_000
/** Origins that a step of the sweep finds. */
export const sweptOrigins = 200
/** The shortest time between two sweeps, in milliseconds. */
export const sweepPauseMs = 1_000
/** The longest one, in milliseconds. A sweep during which the process stood still looks as if it had cost that much. */
export const longestSweepPauseMs = 60_000
/** A sweep walks over dead index entries, too: it may take this part of the time. */
export const sweepShare = 1 / 20
/** Between two looks for what has expired, and for changed holds, in milliseconds. */
export const choresMs = 1_000
/** Rows that expire in one statement. */
export const expiryRows = 500

/* Origins. */

/** An origin has rows in memory for so many milliseconds at its recent pace, */
export const roomMs = 100
/** but no more than this. */
export const mostRoom = 1_024
/** A POST that has waited so long for its answer, in milliseconds, is slow: others need not wait for it. */
export const slowMs = 1_000
/** Origins without anything under way that are remembered: what they can take, and when they rest. */
export const idleOrigins = 5_000

/** Rows that are made due in one statement once an outage is over, and index entries that it looks at. */
export const forwardRows = 500
/** The part of the time that such statements may take. */
export const forwardShare = 1 / 5
/** So often a row that waits is made due as the probe of its origin during one outage: then another row is. */
export const probesOfRow = 3
/** Operators' wishes to retry a row now that are kept until they are looked at. */
export const mostRetries = 1_000
/** URLs of one origin that are remembered: what they can take, and who they are that were answered of late. */
export const knownUrls = 20
/** URLs of one origin that wait apart from the others. Of more, the others wait behind them. */
export const urlsApart = 20

/* Waking. */

/** The longest pause between two looks while rows come in a stream, in milliseconds: what a row waits at most. */
export const streamPauseMs = 4
/** The same while only a writer's open transaction keeps the relay awake, in milliseconds: it may last for hours. */
export const writerPauseMs = 40
/** Rows a second above which a relay stays awake. Up to there a notification for each is quicker, and cheaper for all sides. */
export const streamAbove = 400
/** Rows a second below which it may sleep again: half as many, so that it does not turn back and forth. */
export const calmBelow = 200
/** Looks that find unannounced rows, none heard between, before the listener is taken for deaf: at first, and at most. */
export const doubtLooks = { first: 2, most: 64 } as const

/* Claiming. */

/** Rows are claimed ahead of their slots: as many as the origin takes in so many milliseconds at its recent pace, */
export const aheadMs = 20
/** but no more than this over all origins. What was claimed ahead when a relay dies stands as an `unknown` that never left. */
export const mostAhead = 256
/** Between two claims ahead, in milliseconds: claims are few and large then. */
export const refillMs = 10
/** A row that was claimed ahead so long ago, in milliseconds, and has not begun, is released. */
export const longestAheadMs = 1_000

/** The longest wait of the loops that claim and record, in milliseconds. All that matters ends it sooner. */
export const loopIdleMs = 1_000
/** How often the lease is looked at while POSTs are under way, in milliseconds. Without a lease they are aborted. */
export const leaseCheckMs = 250
/** Superseded rows of a key that one statement cancels. */
export const supersedeRows = 1_000
/** A row that somebody's open transaction has locked is tried again after this, in milliseconds. */
export const lockedPauseMs = 250
/** The pause of a row that PostgreSQL refuses (a trigger, a lost grant), in milliseconds. It doubles with each refusal. */
export const refusedPause = { baseMs: 1_000, capMs: 60_000 } as const
/** Refused rows whose number of tries is known; of more the one refused longest ago begins anew. */
export const refusedRows = 20_000
/** Lines about refused rows in a minute: a trigger may refuse a million rows. */
export const refusedLines = 60

/* Recording. */

/** Most outcomes in one statement. Those that come meanwhile wait until it has committed, and are the next batch. */
export const recordRows = 200
/** How long an outcome waits for others, in milliseconds: each statement costs some 300 µs before its first row. */
export const gatherMs = 5
/** Outcomes that need not wait for more. */
export const gatherRows = 64
/** Outcomes that may wait to be recorded before no more POSTs start: after a crash, each of them is sent again. */
export const maxUnrecorded = 1_000

/* Retention. */

/** Most settled callbacks that the janitor looks at in one statement: above that the fixed cost of a statement does not count. */
export const janitorRows = 1_000
/** The least: of rows that cost so much (a foreign key without an index, perhaps) no fewer are taken at once. */
export const janitorLeastRows = 20
/** A statement of the janitor should take this long at most, in milliseconds: a read that is wanted meanwhile waits for its end. */
export const janitorStepMs = 10
/** The part of the time that the janitor's statements may take. What it deletes has been there for weeks. */
export const janitorShare = 1 / 5
/** From connecting to its first look, in milliseconds: a relay that starts has other things to do. */
export const janitorStartMs = 1_000
/** Until a relay asks again whether another is still the janitor, in milliseconds. */
export const janitorAskMs = 30_000
/** From the end of one run to the next, in milliseconds. What is kept for days is deleted minutes late; a run without work costs a millisecond. */
export const janitorPauseMs = 5 * 60_000
/** The longest such pause, in milliseconds. */
export const longestJanitorPauseMs = 3_600_000
/** A run walks over what is kept longer, too: runs take this part of the time, up to the longest pause. */
export const janitorRunShare = 1 / 20

/* What `--drain` waits for. */

/** So long nothing was due or being sent, in milliseconds. */
export const drainQuietMs = 1_000
/** Between two readings of what is left, in milliseconds. */
export const drainReadMs = 100

/* What people are told. */

/** Between two summaries in the log, and between two surveys of the tables where nothing else wants them, in milliseconds. */
export const summaryMs = 60_000
/** Between two surveys where metrics are served, in milliseconds: as often as they are scraped by default. */
export const surveyMs = 15_000
/** An origin is failing after so many failures in a row, or after few of them within so many milliseconds. */
export const failingAfter = { failures: 10, fewFailures: 3, ms: 30_000 } as const
/** Origins that have failed last and that are remembered. */
export const watchedOrigins = 5_000

/* Connecting to the database. */

/** To connect, and then for the first answer, in milliseconds. */
export const connectMs = 5_000
/** The same where DATABASE_URL names several hosts: one that is cut off must not keep a relay from seeing that another was promoted. */
export const hostConnectMs = 2_000
/** The next one of several hosts is tried after this, in milliseconds. */
export const hostHeadStartMs = 500
/** An answer that takes longer than this, in milliseconds, is asked about over another session. */
export const askAfterMs = 5_000
/** A session on which nothing has passed for so long is asked something, in milliseconds. Proxies end idle ones after 50 s perhaps. */
export const idleSessionMs = 15_000
/** A server may take this long to end a session in order, in milliseconds. Then its socket is closed. */
export const closeMs = 5_000
/** The sessions of before may take this long to end, in milliseconds. They end at once, unless their network is broken. */
export const formerSessionsMs = 10_000
/** Between two tries, in milliseconds: what passes by itself (a restart) may be over at any moment. */
export const passingPause = { baseMs: 50, capMs: 1_000 } as const
/** The same where the database refuses what the relay needs, in milliseconds: an operator must cure that, which may take hours. */
export const refusingPause = { baseMs: 50, capMs: 10_000 } as const
/** An outage within this time of the last one keeps its backoff and its log throttling, in milliseconds. */
export const steadyMs = 10_000
/** A lasting reason is logged again after this, in milliseconds. */
export const reminderMs = 60_000
/** Most different reasons that are logged within that time. */
export const mostReasons = 10
/** Between two connections of the listener, in milliseconds. The slow poll stands in meanwhile. */
export const listenerPause = { baseMs: 100, capMs: 10_000 } as const
/** A listener that lasted this long, in milliseconds, begins anew with the shortest pause. */
export const listenerSteadyMs = 60_000
/** The database's clock may be this far from ours, in milliseconds. Receivers refuse timestamps that are minutes off. */
export const clockToleranceMs = 5_000

/* Shutting down. */

/** How long aborted POSTs may take to end when the grace is over, in milliseconds. */
export const abortMs = 1_000
/** How long outcomes may take to be recorded then, in milliseconds: another try to connect, and the statement. */
export const lastRecordMs = 5_000

/* Sending. */

/** Largest body of a request, in bytes. 64 KiB of JSON need far less (9 bytes a character), unless a long name is repeated. */
export const maxBodyBytes = 1_048_576
/** An address has this long to connect before the next one is tried beside it, in milliseconds (RFC 8305). */
export const headStartMs = 250
/** Idle connections over all origins; of more the least recently used is closed. Each costs the process a file. */
export const maxIdleConnections = 512
/** How long a connection may be idle, in milliseconds. Common servers close theirs after 5,000, and a request sent then may be `unknown`. */
export const keepAliveMs = 4_000
/** How long a connection is used, in milliseconds, up to a quarter less at random. The next one looks the name up anew. */
export const connectionLifetimeMs = 60_000
/** How long an origin's connections carry one request each after a reused one died under a request, in milliseconds. */
export const reuseLostMs = 3_600_000
/** Origins that are remembered for that. */
export const reuseLostOrigins = 10_000
/** Origins whose settings are remembered. Finding them again takes microseconds. */
export const knownOrigins = 10_000
/** After this time without an answer a name's last one stands in, in milliseconds. */
export const lookupPatienceMs = 500
/** The age up to which it may, in milliseconds. getaddrinfo does not say how long an answer is good for. */
export const staleLookupMs = 3_600_000
/** Names whose last answer is kept. */
export const knownNames = 10_000

/* Answers. */

/** Longest head of an answer that is read, in bytes: four times Node's own limit. */
export const maxHeadBytes = 65_536
/** Longest head of a proxy's answer to CONNECT, in bytes: Node's own limit. */
export const maxTunnelHeadBytes = 16_384
/** Most of an answer's body that is read, in bytes; a longer one costs the connection. */
export const maxAnswerBytes = 65_536
/**
 * From the head of an answer to the end of its body, in milliseconds. The head has decided; the body is for a person to read, and
 * for the next request to find the connection free. A body that was cut short must not hold its key for longer.
 */
export const answerBodyMs = 1_000
/** Longest Retry-After that is believed, in milliseconds: neither a typo nor malice parks a callback for a century. */
export const maxRetryAfterMs = 30 * 24 * 3_600_000
