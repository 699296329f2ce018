import Basics
import TestSupport
import Testing
import Workloads

@Suite struct OperationStreamTests {
    private func workload(_ text: String) throws -> Workload {
        try Workload(try Properties(parsing: text, file: "test"))
    }

    @Test func kindsComeInTheirProportions() throws {
        let text = """
            recordcount=100
            readproportion=0.4
            updateproportion=0.3
            insertproportion=0.15
            scanproportion=0.1
            readmodifywriteproportion=0.05
            maxscanlength=7
            """
        let workload = try workload(text)
        Seeds.forAll(1, "mix") { random in
            var stream = OperationStream(workload, random: random)
            var counts = [UInt64](repeating: 0, count: 5)
            for _ in 0..<30_000 {
                let operation = stream.next()
                counts[Int(operation.kind.rawValue)] += 1
                guard
                    operation.kind == .scan
                        ? (1...7).contains(operation.scanLength)
                        : operation.scanLength == 0
                else { return false }
                if operation.kind == .insert { stream.acknowledge(operation.insertion) }
            }
            return Goodness.fits(counts, [0.4, 0.3, 0.15, 0.1, 0.05])
        }
    }

    @Test func onlyAcknowledgedInsertsAreChosen() throws {
        let text = """
            recordcount=3
            operationcount=1000
            readproportion=0.5
            updateproportion=0
            insertproportion=0.5
            requestdistribution=latest
            """
        let workload = try workload(text)
        Seeds.forAll(50, "insert order") { random in
            var stream = OperationStream(workload, random: random.fork("stream"), share: 1, of: 3)
            var waiting: [PlannedOperation] = []
            var done: Set<UInt64> = [0, 1, 2]
            for _ in 0..<300 {
                let operation = stream.next()
                if operation.kind == .insert {
                    guard operation.record >= 3, (operation.record - 3) % 3 == 1 else {
                        return false
                    }
                    waiting.append(operation)
                } else if !done.contains(operation.record) {
                    return false
                }
                if !waiting.isEmpty, random.chance(1, in: 2) {
                    let ended = waiting.remove(at: random.below(waiting.count))
                    done.insert(ended.record)
                    stream.acknowledge(ended.insertion)
                }
            }
            return true
        }
    }

    @Test func withoutRecordsEverythingInserts() throws {
        var stream = OperationStream(try workload("recordcount=0"), random: RandomSource(seed: 1))
        let first = stream.next()
        #expect(first.kind == .insert && first.record == 0)
        stream.acknowledge(first.insertion)
        #expect(stream.next().record == 0)
    }

    /// Names of YCSB's records, as its own clients write them.
    @Test func keyNamesAreYCSBs() {
        func name(_ record: UInt64, _ order: Workload.InsertOrder, _ zeros: Int) -> String {
            KeyName(record: record, insertOrder: order, zeroPadding: zeros).text
        }
        #expect(name(0, .hashed, 1) == "user6284781860667377211")
        #expect(name(1, .hashed, 1) == "user8517097267634966620")
        #expect(name(5, .ordered, 1) == "user5")
        #expect(name(5, .ordered, 8) == "user00000005")
        #expect(name(123_456_789, .ordered, 8) == "user123456789")
    }

    @Test func writtenKeyNamesEqualTheirText() {
        Seeds.forAll(2_000, "key names") { random in
            let record = random.next() >> random.within(0...63)
            let order: Workload.InsertOrder = random.chance(1, in: 2) ? .hashed : .ordered
            let padding = random.below(30)
            let name = KeyName(record: record, insertOrder: order, zeroPadding: padding)
            var buffer = ByteBuffer(capacity: 64)
            name.write(to: buffer.reserve(name.count))
            buffer.commit(name.count)
            return buffer.bytes.text == name.text && name.text.utf8.count == name.count
        }
    }

    @Test func valuesNameTheirWriterAndShowEveryWrongByte() throws {
        let texts = [
            "", "fieldlength=0", "fieldlengthdistribution=uniform",
            "fieldlength=9000\nfieldlengthdistribution=zipfian",
        ]
        for text in texts {
            let values = RecordValue(try workload(text))
            Seeds.forAll(100, "values") { random in
                let write = WriteID(
                    process: UInt32(
                        random.below(UInt64(WriteID.processes)) >> random.within(0...22)),
                    sequence: random.next() >> random.within(24...63))
                let count = values.count(of: write)
                var buffer = ByteBuffer()
                values.append(write, count: count, to: &buffer)
                guard buffer.count == count, RecordValue.writer(of: buffer.bytes) == write,
                    values.isIntact(buffer.bytes, of: write),
                    buffer.bytes.text.hasPrefix("w:\(write.process):\(write.sequence);")
                else { return false }
                var broken = buffer.bytes.copied()
                let place = random.below(broken.count)
                broken[place] ^= 1
                return Bytes.lending(broken) {
                    RecordValue.writer(of: $0) != write || !values.isIntact($0, of: write)
                }
            }
        }
    }

    @Test func otherTextsNameNoWriter() {
        let texts = [
            "", "w", "w:", "w:1", "w:1:", "w:1:2", "w::2;", "w:1:;", "w:-1:2;", "w:1:x;",
            "w:8388608:1;", "w:1:1099511627776;", "x:1:2;", "w:99999999999999999999:1;",
        ]
        for text in texts {
            #expect(Bytes.lending(Array(text.utf8)) { RecordValue.writer(of: $0) } == nil)
        }
    }
}
