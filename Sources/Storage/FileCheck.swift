import Basics

/// Reads finished files of a store again and finds what is no longer as it was written: memory
/// holds everything, so that damage to a file is otherwise met only by the next start.
public enum FileCheck {
    /// Whether a file can be checked: a segment of the log, a part or the head of a checkpoint.
    public static func covers(_ name: String) -> Bool {
        LogFormat.segment(ofFile: name) != nil || CheckpointHead.isPart(name)
            || CheckpointHead.fileNames.contains(name)
    }

    /// The file that names the parts of the checkpoint in force.
    public static var headName: String { CheckpointHead.fileNames[0] }

    /// The parts that a head names; none if it is damaged.
    public static func parts(ofHead bytes: [UInt8], store: UInt64) -> [String] {
        CheckpointHead.parts(bytes, store: store)
    }

    /// Whether a file is a head, or one of the parts that this head names.
    public static func isOf(head bytes: [UInt8], _ name: String) -> Bool {
        CheckpointHead.fileNames.contains(name)
            || CheckpointHead.parts(bytes, store: nil).contains(name)
    }

    /// The number of a segment of the log; nil for other files.
    public static func segment(_ name: String) -> UInt64? { LogFormat.segment(ofFile: name) }

    /// Reads all of a file that nothing is added to any more, frame by frame; the first damage,
    /// nil if there is none. `read` gives so many bytes from an offset.
    public static func damage(
        in file: DiskFile, store: UInt64,
        read: (_ offset: Int, _ count: Int) throws(DiskError) -> [UInt8]
    ) throws(DiskError) -> StorageError? {
        if CheckpointHead.fileNames.contains(file.name) {
            return CheckpointHead.damage(in: file, bytes: try read(0, file.size))
        }
        if file.size == 0 { return nil }
        let header = try read(0, min(file.size, LogFormat.segmentHeaderBytes))
        guard let segment = segment(of: file.name, header: header, store: store) else {
            return .damaged(file: file.name, offset: 0, what: "the header is not what was written")
        }
        var offset = LogFormat.segmentHeaderBytes
        while offset < file.size {
            let left = file.size - offset
            guard left >= LogFormat.frameHeaderBytes else { return noFrame(file, offset) }
            let head = try read(offset, LogFormat.frameHeaderBytes)
            let length = Bytes.lending(head) { LogFormat.peekLength($0) }
            guard length <= left, length >= LogFormat.frameHeaderBytes,
                length <= LogFormat.maximumFrameBytes
            else { return noFrame(file, offset) }
            let bytes = try read(offset, length)
            let isValid = Bytes.lending(bytes) {
                LogFormat.readFrame($0, at: 0, fileOffset: offset, store: store, segment: segment)
                    != nil
            }
            guard isValid else { return noFrame(file, offset) }
            offset += length
        }
        return nil
    }

    private static func noFrame(_ file: DiskFile, _ offset: Int) -> StorageError {
        .damaged(file: file.name, offset: offset, what: "no valid frame")
    }

    /// The number in a valid header that fits the file's name.
    private static func segment(of name: String, header: [UInt8], store: UInt64) -> UInt64? {
        let number = LogFormat.segment(ofFile: name)
        let magic = number == nil ? CheckpointHead.partMagic : LogFormat.magic
        return Bytes.lending(header) { header in
            guard case .valid(let found) = LogFormat.readSegmentHeader(header, magic: magic),
                found.store == store, number == nil || number == found.segment
            else { return nil }
            return found.segment
        }
    }
}
