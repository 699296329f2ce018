import Basics

/// Reads one fault of a schedule.
struct FaultParser {
    private let section: Section

    init(_ section: Section) { self.section = section }

    static let impairments = ["slow", "lossy", "corrupt", "duplicate", "replay", "slice"]
    static let words =
        ["partition", "cut"] + impairments + [
            "black-hole", "reset", "half-open", "kill", "power-cut", "stop", "pause", "clock-skew",
            "clock-step", "clock-drift", "disk-full", "slow-disk", "fsync-error", "add", "remove",
        ]
    private static let linkKeys = ["links", "nodes", "direction"]
    private static let impairmentKeys = [
        "latency", "jitter", "tail", "tail_share", "bandwidth", "drop", "corrupt", "duplicate",
        "replay", "slice",
    ]

    /// What it is. `besides`: keys that someone else reads.
    func kind(besides others: [String]) throws(TreeError) -> FaultKind {
        let word = try section.require("fault", section.text("fault"))
        guard FaultParser.words.contains(word) else {
            let hint = nearest(to: word, among: FaultParser.words).map { "; did you mean “\($0)”?" }
            throw section.expected(
                "one of \(FaultParser.words.joined(separator: ", "))\(hint ?? "")", at: "fault")
        }
        try section.refuseKeys(except: ["fault"] + others + FaultParser.keys(of: word))
        if FaultParser.impairments.contains(word) {
            return .impair(try links(), try impairment(word))
        }
        switch word {
        case "partition":
            return .partition(
                try groups(), isOneWay: try section.boolean("one_way") ?? false, try how())
        case "cut": return .cut(try links(), try how())
        case "black-hole":
            var impairment = LinkImpairment()
            impairment.isBlackHole = true
            return .impair(try links(), impairment)
        case "reset": return .reset(try links())
        case "half-open": return .halfOpen(try links())
        case "kill": return .kill(try nodes())
        case "power-cut": return .powerCut(try nodes())
        case "stop": return .stop(try nodes())
        case "pause": return .pause(try nodes())
        case "clock-skew": return .clockSkew(try nodes(), try signedDuration("by"))
        case "clock-step": return .clockStep(try nodes(), try signedDuration("by"))
        case "clock-drift":
            let ppm = try section.text("ppm").flatMap { Int($0) }
            guard let ppm, abs(ppm) <= 500_000 else {
                throw section.expected("a whole number from -500000 to 500000", at: "ppm")
            }
            return .clockDrift(try nodes(), partsPerMillion: ppm)
        case "disk-full": return .diskFull(try nodes())
        case "slow-disk":
            let by = try section.require("by", section.duration("by"))
            guard by <= .seconds(60) else { throw section.expected("at most 60s", at: "by") }
            return .slowDisk(try nodes(), by)
        case "fsync-error": return .syncError(try nodes())
        case "add": return .add
        default: return .remove(try nodes())
        }
    }

    private static func keys(of word: String) -> [String] {
        if impairments.contains(word) { return linkKeys + impairmentKeys }
        switch word {
        case "partition": return ["groups", "one_way", "how"]
        case "cut": return linkKeys + ["how"]
        case "reset", "half-open", "black-hole": return linkKeys
        case "clock-skew", "clock-step", "slow-disk": return ["nodes", "by"]
        case "clock-drift": return ["nodes", "ppm"]
        case "add": return []
        default: return ["nodes"]
        }
    }

    // MARK: Whom

    private func nodes() throws(TreeError) -> FaultSelection {
        guard section["nodes"] != nil else { return .one }
        let texts = try section.texts("nodes") ?? []
        if texts.count == 1, let known = FaultSelection.words.first(where: { $0.word == texts[0] })
        {
            return known.value
        }
        return .named(try members(texts, "nodes"))
    }

    private func members(_ texts: [String], _ key: String) throws(TreeError) -> [Int] {
        var places: [Int] = []
        for text in texts {
            guard let place = FaultParser.place(text), !places.contains(place) else {
                let words = FaultSelection.words.map(\.word).joined(separator: ", ")
                throw section.expected(
                    "\(words), or members such as [n1, n2] (found “\(text)”)", at: key)
            }
            places.append(place)
        }
        guard !places.isEmpty else { throw section.expected("at least one member", at: key) }
        return places
    }

    /// `n1` is 0.
    static func place(_ text: some StringProtocol) -> Int? {
        guard text.hasPrefix("n"), let number = Int(text.dropFirst()),
            (1...Limits.nodes).contains(number)
        else { return nil }
        return number - 1
    }

    private func groups() throws(TreeError) -> FaultGroups {
        let wrong = section.expected(
            "halves, isolate-one, random, majorities-ring, or lists of members such as "
                + "[[n1, n2], [n3]]", at: "groups")
        switch section["groups"] {
        case .scalar(let text, _)?:
            guard let known = FaultGroups.words.first(where: { $0.word == text }) else {
                throw wrong
            }
            return known.value
        case .list(let lists, _)?:
            var groups: [[Int]] = []
            for list in lists {
                guard case .list(let items, _) = list else { throw wrong }
                var places: [Int] = []
                for item in items {
                    guard case .scalar(let text, _) = item, let place = FaultParser.place(text),
                        !groups.joined().contains(place), !places.contains(place)
                    else { throw wrong }
                    places.append(place)
                }
                groups.append(places)
            }
            guard groups.count >= 2, groups.allSatisfy({ !$0.isEmpty }) else { throw wrong }
            return .named(groups)
        default: throw wrong
        }
    }

    private func links() throws(TreeError) -> FaultLinks {
        if section["links"] == nil {
            let word = try section.text("direction") ?? "both"
            guard ["in", "out", "both"].contains(word) else {
                throw section.expected("in, out or both", at: "direction")
            }
            guard section["nodes"] != nil || section["direction"] != nil else { return .all }
            return .of(try nodes(), sends: word != "in", receives: word != "out")
        }
        for key in ["nodes", "direction"] where section[key] != nil {
            throw section.expected("left out, since the fault has links too", at: key)
        }
        let texts = try section.texts("links") ?? []
        if texts == ["all"] { return .all }
        var links: [FaultLink] = []
        for text in texts { links += try FaultParser.link(text, in: section) }
        guard !links.isEmpty, Set(links).count == links.count else {
            throw section.expected("all, or links, each once", at: "links")
        }
        return .named(links)
    }

    /// `n1>n2`, or `n1-n2` for both ways.
    private static func link(
        _ text: String, in section: Section
    ) throws(TreeError) -> [FaultLink] {
        for separator in [">", "-"] as [Character] {
            let parts = text.split(separator: separator, omittingEmptySubsequences: false)
            guard parts.count == 2, let from = place(parts[0]), let to = place(parts[1]),
                from != to
            else { continue }
            let link = FaultLink(from: from, to: to)
            return separator == ">" ? [link] : [link, FaultLink(from: to, to: from)]
        }
        throw section.expected(
            "all, or links such as [n1>n2, n2-n3] (found “\(text)”)", at: "links")
    }

    // MARK: How

    private func how() throws(TreeError) -> LinkCut {
        guard let word = try section.text("how") else { return .drop }
        guard let cut = LinkCut(rawValue: word) else {
            throw section.expected("drop, stall or reset", at: "how")
        }
        return cut
    }

    private func signedDuration(_ key: String) throws(TreeError) -> Instant.Duration {
        let text = try section.require(key, section.text(key))
        let isNegative = text.hasPrefix("-")
        guard let size = Instant.Duration(isNegative ? String(text.dropFirst()) : text),
            size <= .seconds(86_400)
        else {
            throw section.expected("a duration such as 500ms or -2s, within a day", at: key)
        }
        return isNegative ? size * -1 : size
    }

    private func impairment(_ word: String) throws(TreeError) -> LinkImpairment {
        var i = LinkImpairment()
        i.latency = try duration("latency") ?? .zero
        i.jitter = try duration("jitter") ?? .zero
        i.tail = try duration("tail") ?? .zero
        i.tailPerMillion = try share("tail_share") ?? (i.tail > .zero ? 10_000 : 0)
        i.bandwidth = try bytes("bandwidth") ?? 0
        i.dropPerMillion = try share("drop") ?? 0
        i.corruptPerMillion = try share("corrupt") ?? 0
        i.duplicatePerMillion = try share("duplicate") ?? 0
        i.replayPerMillion = try share("replay") ?? 0
        i.sliceBytes = try bytes("slice") ?? 0
        let needed: [String: (key: String, isThere: Bool)] = [
            "slow": (
                "latency", i.latency + i.jitter + i.tail > .zero || i.bandwidth > 0
            ),
            "lossy": ("drop", i.dropPerMillion > 0),
            "corrupt": ("corrupt", i.corruptPerMillion > 0),
            "duplicate": ("duplicate", i.duplicatePerMillion > 0),
            "replay": ("replay", i.replayPerMillion > 0), "slice": ("slice", i.sliceBytes > 0),
        ]
        if let need = needed[word], !need.isThere {
            throw section.expected("above zero in a fault “\(word)”", at: need.key)
        }
        return i
    }

    private func duration(_ key: String) throws(TreeError) -> Instant.Duration? {
        guard let duration = try section.duration(key) else { return nil }
        guard duration <= .seconds(60) else { throw section.expected("at most 60s", at: key) }
        return duration
    }

    private func share(_ key: String) throws(TreeError) -> Int? {
        guard let text = try section.text(key) else { return nil }
        guard let share = FaultShare.parse(text) else {
            throw section.expected("a share such as 2.5%", at: key)
        }
        return share
    }

    /// `100kB`, `2MB` or `64B`: decimal multiples.
    private func bytes(_ key: String) throws(TreeError) -> Int? {
        guard let text = try section.text(key) else { return nil }
        for (suffix, factor) in [("kB", 1_000), ("MB", 1_000_000), ("B", 1)] {
            guard text.hasSuffix(suffix), let count = Int(text.dropLast(suffix.count)),
                (1...1_000_000_000).contains(count)
            else { continue }
            return min(count * factor, 1 << 40)
        }
        throw section.expected("a number of bytes such as 64B, 100kB or 2MB", at: key)
    }
}
