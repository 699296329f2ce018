import Basics

extension Command {
    /// Every command, those that keys are read and written with first.
    static let all: [Command] = strings + generic + quorum + connection + server

    private static let many = Limits.arguments

    private static let strings: [Command] = [
        Command(
            "GET", 2...2, .first, [.readonly, .fast], .one, .string, "key",
            "The value of a key: the newest that R replicas know."),
        Command(
            "SET", 3...9, .first, [.write], .one, .string,
            "key value [EX seconds|PX milliseconds|EXAT time|PXAT time] [NX|XX] [GET] [KEEPTTL]",
            "Sets a key; done when W replicas have it. NX, XX and GET need MODE cp."),
        Command(
            "MGET", 2...many, .several(.mget), [.readonly, .fast], .all, .string, "key...",
            "The values of several keys, read in parallel; each has its own error, if it has one."),
        Command(
            "MSET", 3...many, .several(.mset), [.write], .everyOther, .string, "key value...",
            "Sets several keys, in parallel and each by itself: it is not atomic."),
        Command(
            "INCR", 2...2, .change(.increment), [.write, .fast], .one, .string, "key",
            "Adds one to a whole number. Needs MODE cp."),
        Command(
            "DECR", 2...2, .change(.decrement), [.write, .fast], .one, .string, "key",
            "Takes one from a whole number. Needs MODE cp."),
        Command(
            "INCRBY", 3...3, .change(.incrementBy), [.write, .fast], .one, .string,
            "key increment", "Adds to a whole number. Needs MODE cp."),
        Command(
            "DECRBY", 3...3, .change(.decrementBy), [.write, .fast], .one, .string,
            "key decrement", "Takes from a whole number. Needs MODE cp."),
        Command(
            "APPEND", 3...3, .change(.append), [.write, .fast], .one, .string, "key value",
            "Adds to the end of a value. Needs MODE cp."),
        Command(
            "GETSET", 3...3, .change(.getSet), [.write, .fast], .one, .string, "key value",
            "Sets a key and answers what it was. Needs MODE cp."),
        Command(
            "GETDEL", 2...2, .change(.getDelete), [.write, .fast], .one, .string, "key",
            "Deletes a key and answers what it was. Needs MODE cp."),
        Command(
            "SETNX", 3...3, .change(.setIfAbsent), [.write, .fast], .one, .string, "key value",
            "Sets a key that is not there. Needs MODE cp."),
        Command(
            "SETEX", 4...4, .setExpiring(.seconds), [.write], .one, .string,
            "key seconds value", "Sets a key that ends after a time."),
        Command(
            "PSETEX", 4...4, .setExpiring(.milliseconds), [.write], .one, .string,
            "key milliseconds value", "Sets a key that ends after a time."),
        Command(
            "STRLEN", 2...2, .value(.length), [.readonly, .fast], .one, .string, "key",
            "Bytes of a value; 0 without one."),
        Command(
            "GETRANGE", 4...4, .value(.range), [.readonly], .one, .string, "key start end",
            "Bytes of a value from start to end, both included; negative ones count from the end."),
        Command(
            "SUBSTR", 4...4, .value(.range), [.readonly], .one, .string, "key start end",
            "GETRANGE, as it was called before."),
    ]

    private static let endOfOther: StaticString = """
        an end is part of the write that it ends: SET the value with EX, PX, EXAT or PXAT \
        (changing it alone could undo a write at the same time)
        """

    private static let generic: [Command] = [
        Command(
            "DEL", 2...many, .several(.del), [.write], .all, .generic, "key...",
            "Deletes keys; how many there were is what a read before it saw, and is racy."),
        Command(
            "UNLINK", 2...many, .several(.del), [.write], .all, .generic, "key...", "As DEL."),
        Command(
            "EXISTS", 2...many, .several(.exists), [.readonly, .fast], .all, .generic, "key...",
            "How many of the keys are there."),
        Command(
            "TOUCH", 2...many, .several(.exists), [.readonly, .fast], .all, .generic, "key...",
            "As EXISTS: nothing is forgotten for being old."),
        Command(
            "TYPE", 2...2, .value(.type), [.readonly, .fast], .one, .generic, "key",
            "string, or none."),
        Command(
            "TTL", 2...2, .value(.timeToLive), [.readonly, .fast], .one, .generic, "key",
            "Seconds until a key ends; -1 if it does not, -2 if it is not there."),
        Command(
            "PTTL", 2...2, .value(.millisecondsToLive), [.readonly, .fast], .one, .generic, "key",
            "Milliseconds until a key ends; -1 if it does not, -2 if it is not there."),
        Command(
            "EXPIRETIME", 2...2, .value(.expireTime), [.readonly, .fast], .one, .generic, "key",
            "When a key ends, in seconds since 1970."),
        Command(
            "PEXPIRETIME", 2...2, .value(.millisecondsExpireTime), [.readonly, .fast], .one,
            .generic, "key", "When a key ends, in milliseconds since 1970."),
        Command(
            "EXPIRE", 3...4, .refused(endOfOther), [.write, .fast], .one, .generic,
            "key seconds", "Refused: the end of a value is part of its write."),
        Command(
            "PEXPIRE", 3...4, .refused(endOfOther), [.write, .fast], .one, .generic,
            "key milliseconds", "Refused: the end of a value is part of its write."),
        Command(
            "EXPIREAT", 3...4, .refused(endOfOther), [.write, .fast], .one, .generic,
            "key time", "Refused: the end of a value is part of its write."),
        Command(
            "PEXPIREAT", 3...4, .refused(endOfOther), [.write, .fast], .one, .generic,
            "key time", "Refused: the end of a value is part of its write."),
        Command(
            "PERSIST", 2...2, .refused(endOfOther), [.write, .fast], .one, .generic, "key",
            "Refused: the end of a value is part of its write."),
        Command(
            "SCAN", 2...8, .scan(.scan), [.readonly], .none, .generic,
            "cursor [MATCH pattern] [COUNT count] [TYPE type]",
            "Keys, page by page, from R replicas of every shard; the cursor is good on any node."),
        Command(
            "KEYS", 2...2, .scan(.keys), [.readonly], .none, .generic, "pattern",
            "All keys that match, up to a million looked at."),
        Command(
            "RANDOMKEY", 1...1, .scan(.randomKey), [.readonly], .none, .generic, "",
            "The key at a random place, which is not quite a random key."),
        Command(
            "RENAME", 3...3, .refused("two keys cannot be changed at once"), [.write], .one,
            .generic, "key new-key", "Refused: two keys cannot be changed at once."),
        Command(
            "MULTI", 1...1, .refused("there are no transactions: keys are independent"), [.fast],
            .none, .generic, "", "Refused: there are no transactions."),
        Command(
            "WAIT", 3...3, .refused("writes wait for W replicas: QUORUM W, or QSET with W"), [],
            .none, .generic, "replicas timeout", "Refused: writes wait for W replicas."),
    ]

    private static let quorum: [Command] = [
        Command(
            "QUORUM", 1...17, .quorum, [.fast], .none, .quorum,
            """
            [R r] [W w] [TIMEOUT milliseconds] [REPAIR none|async|blocking] [KIND strict|sloppy] \
            [TOKEN version]
            """,
            "Sets what requests of this connection use, and answers what is in force."),
        Command(
            "KEYSPACE", 2...24, .keyspace, [.admin], .none, .quorum,
            "CREATE|ALTER|DROP|LIST|USE [name] [setting value...]",
            "Keyspaces with their own N, quorums and mode: which there are, and which is used."),
        Command(
            "RING", 2...8, .ring, [.admin], .none, .quorum,
            "ADD|REPLACE|REMOVE|CANCEL|BOOTSTRAP [argument...]",
            "Who the members are: adding, replacing and removing one."),
        Command(
            "QGET", 2...20, .query(.queryGet), [.readonly], .one, .quorum,
            "key [R r] [REPAIR mode] [KIND kind] [TOKEN version] [TIMEOUT milliseconds]",
            "Values of a key with context, version, who answered, and who of them stood in."),
        Command(
            "QSET", 3...23, .query(.querySet), [.write], .one, .quorum,
            """
            key value [W w] [CONTEXT context] [VERSION version|none] [OPID session.sequence] \
            [KIND kind] [TOKEN version] [TIMEOUT milliseconds]
            """,
            "Sets a key, and answers its version and who has stored it."),
        Command(
            "QDEL", 2...22, .query(.queryDelete), [.write], .one, .quorum,
            """
            key [W w] [CONTEXT context] [OPID session.sequence] \
            [KIND kind] [TIMEOUT milliseconds]
            """,
            "Deletes a key, and answers whether it was there and who knows of it."),
        Command(
            "QCAS", 4...16, .change(.swap), [.write], .one, .quorum,
            "key expected new [OPID session.sequence] [TIMEOUT milliseconds]",
            "Sets a key that has an expected value. Needs MODE cp."),
        Command(
            "QMGET", 2...many, .several(.queryGet), [.readonly], .all, .quorum, "key...",
            "What QGET says of several keys, read in parallel; each has its own result."),
        Command(
            "QMSET", 3...many, .several(.querySet), [.write], .everyOther, .quorum,
            "key value...",
            "Sets several keys in parallel; each has its own result, as QSET answers it."),
        Command(
            "QSCAN", 2...14, .scan(.queryScan), [.readonly], .none, .quorum,
            "start [COUNT count] [END key] [KEYS] [R r] [TIMEOUT milliseconds]",
            """
            Keys and values in the order of keys' bytes, from R replicas of every shard, and \
            where to go on.
            """),
    ]

    private static let connection: [Command] = [
        Command(
            "PING", 1...2, .connection { s, input, _ in s.ping(input) }, [.fast], .none,
            .connection, "[message]",
            "PONG, or the message."),
        Command(
            "ECHO", 2...2, .connection { s, input, _ in s.echo(input) }, [.fast], .none,
            .connection, "message", "The message."),
        Command(
            "HELLO", 1...7, .connection { s, input, facts in s.hello(input, facts) }, [.fast],
            .none, .connection, "[2|3] [SETNAME name]",
            "Chooses RESP2 or RESP3, and says who is there."),
        Command(
            "AUTH", 2...3, .connection { s, _, _ in s.fail(Session.noPasswords) }, [.fast], .none,
            .connection, "[user] password", "Refused: there are no passwords."),
        Command(
            "SELECT", 2...2, .connection { s, input, _ in s.select(input) }, [.fast], .none,
            .connection, "index", "There is one database, number 0; keyspaces take their place."),
        Command(
            "CLIENT", 2...many, .connection { s, input, facts in s.client(input, facts) }, [],
            .none, .connection,
            "ID|GETNAME|SETNAME|SETINFO|INFO|LIST|KILL|NO-EVICT|NO-TOUCH|HELP [argument...]",
            "Connections: what they are called, which there are, and closing them."),
        Command(
            "RESET", 1...1, .connection { s, _, facts in s.reset(facts) }, [.fast], .none,
            .connection, "", "Makes the connection as it was when it was opened."),
        Command(
            "QUIT", 1...1, .connection { s, _, _ in s.quit() }, [.fast], .none, .connection, "",
            "Closes the connection when all is answered."),
    ]

    private static let server: [Command] = [
        Command(
            "COMMAND", 1...many, .connection { s, input, _ in s.command(input) }, [], .none,
            .server, "[COUNT|DOCS|GETKEYS|INFO|LIST] [argument...]", "What commands there are."),
        Command(
            "INFO", 1...many, .connection { s, input, facts in s.info(input, facts) }, [], .none,
            .server, "[section...]", "Figures of this node."),
        Command(
            "CONFIG", 2...many, .connection { s, input, facts in s.config(input, facts) },
            [.admin], .none, .server, "GET|SET|RESETSTAT|HELP [argument...]",
            "Parameters of this node, and some that may change."),
        Command(
            "DBSIZE", 1...1, .connection { s, _, facts in s.size(facts) }, [.readonly, .fast],
            .none, .server, "",
            "Records on this node, deleted keys and those of other keyspaces included."),
        Command(
            "TIME", 1...1, .connection { s, _, facts in s.time(facts) }, [.fast], .none, .server,
            "", "This node's clock: seconds since 1970, and microseconds."),
        Command(
            "SLOWLOG", 2...3, .connection { s, input, facts in s.slowLog(input, facts) },
            [.admin], .none, .server, "GET|LEN|RESET|HELP [count]",
            "Requests of this node that took long, from being read to being answered."),
        Command(
            "HINTS", 1...1, .connection { s, _, facts in s.hints(facts) }, [.readonly], .none,
            .server, "", "What this node holds for others: owner, writes, bytes."),
        Command(
            "COMPARE", 1...2, .connection { s, input, facts in s.compare(input, facts) },
            [.admin], .none, .server, "[PREVIEW]",
            "Compares with all other replicas, and mends what differs unless it is a preview."),
        Command(
            "COLLECT", 1...1, .connection { s, _, facts in s.collect(facts) }, [.admin], .none,
            .server, "", "Forgets the deletions that all replicas know; INFO tells how it goes."),
        Command(
            "SNAPSHOT", 2...2, .connection { s, input, facts in s.snapshot(input, facts) },
            [.admin], .none, .server, "name", "Keeps what this node holds in files of that name."),
        Command(
            "FLUSHALL", 1...2, .refused("keys are deleted one by one, or with KEYSPACE DROP"),
            [.write], .none, .server, "", "Refused: KEYSPACE DROP, or DEL of each key."),
        Command(
            "FLUSHDB", 1...2, .refused("keys are deleted one by one, or with KEYSPACE DROP"),
            [.write], .none, .server, "", "Refused: KEYSPACE DROP, or DEL of each key."),
    ]
}
