//! The directory of a zip archive, read with distrust: sizes, overlaps and compression ratios are checked before anything is used.
//!
//! Source: PKWARE, "APPNOTE.TXT, .ZIP File Format Specification", 6.3.10 (with zip64). Members are looked up by name and never
//! become paths. Checked by `tests/hostile.rs`.

use crate::error::{SeriesError, io, refused};
use crate::header::TENSORS;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest directory that is read, in bytes.
const DIRECTORY: u64 = 32 << 20;
/// Members hold at most this many times the bytes of the file, plus [`ROOM`].
const RATIO: u64 = 100;
/// See [`RATIO`].
const ROOM: u64 = 64 << 20;
/// What to do about a damaged archive.
const FIX: &str = "the archive is truncated, damaged or hostile: save it again";

/// A member of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its name: a mere name, never a path.
    pub(crate) name: String,
    /// True if it is compressed (deflate), false if it is stored.
    pub(crate) deflated: bool,
    /// Where its bytes begin.
    pub(crate) start: u64,
    /// Bytes in the file.
    pub(crate) compressed: u64,
    /// Bytes it holds.
    pub(crate) size: u64,
}

fn u16_at(b: &[u8], at: usize) -> u16 {
    b.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    b.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    u64::from(u32_at(b, at)) | u64::from(u32_at(b, at + 4)) << 32
}

/// The members of an archive. Cost O(members); memory at most a few times the directory, which is at most 32 MiB.
pub(crate) fn members(path: &Path, file: &mut File, size: u64) -> Result<Vec<Member>, SeriesError> {
    let bad = |field: &str, value: String| refused(path, field, value, FIX);
    let mut read = |from: u64, len: u64| -> Result<Vec<u8>, SeriesError> {
        let mut bytes = vec![0_u8; len as usize];
        file.seek(SeekFrom::Start(from)).map_err(io("read", path))?;
        file.read_exact(&mut bytes).map_err(io("read", path))?;
        Ok(bytes)
    };
    // The end record: 22 bytes and a comment of up to 65535.
    let tail_len = size.min(22 + 65_535);
    let tail = read(size - tail_len, tail_len)?;
    let last =
        tail.len().checked_sub(22).and_then(|last| (0..=last).rev().find(|&i| tail[i..].starts_with(b"PK\x05\x06")));
    let Some(at) = last else { return Err(bad("end of the zip directory", "not there".to_owned())) };
    let end = &tail[at..];
    let (mut count, mut length, mut start) =
        (u64::from(u16_at(end, 10)), u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
    let place = size - tail_len + at as u64;
    if (count == 0xffff || length == 0xffff_ffff || start == 0xffff_ffff) && place >= 20 {
        let locator = read(place - 20, 20)?;
        if locator.starts_with(b"PK\x06\x07") {
            let from = u64_at(&locator, 8);
            if from.checked_add(56).is_none_or(|e| e > size) {
                return Err(bad("zip64 directory", format!("at byte {from}")));
            }
            let record = read(from, 56)?;
            if !record.starts_with(b"PK\x06\x06") {
                return Err(bad("zip64 directory", format!("at byte {from}")));
            }
            (count, length, start) = (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48));
        }
    }
    if start.checked_add(length).is_none_or(|e| e > place) {
        return Err(bad("zip directory", format!("{length} bytes at byte {start}, of {size}")));
    }
    if length > DIRECTORY || count > TENSORS as u64 {
        let fix = format!("at most {TENSORS} members and {DIRECTORY} bytes are read: save the weights alone");
        return Err(refused(path, "zip directory", format!("{count} members, {length} bytes"), fix));
    }
    let directory = read(start, length)?;
    let (mut members, mut rest) = (Vec::new(), directory.as_slice());
    let mut total = 0_u64;
    for _ in 0..count {
        let (member, next) = entry(rest).ok_or_else(|| bad("zip directory", format!("entry {}", members.len())))?;
        total = total.saturating_add(member.size);
        members.push(member);
        rest = next;
    }
    if total > RATIO.saturating_mul(size).saturating_add(ROOM) {
        let fix = format!(
            "more than {RATIO} times its own {size} bytes is a zip bomb or no checkpoint: save it without compression"
        );
        return Err(refused(path, "decompressed size", format!("{total} bytes"), fix));
    }
    // Where the bytes begin is in the header in front of each member.
    let mut file = BufReader::with_capacity(512, file);
    let mut places = Vec::with_capacity(members.len());
    for member in &mut members {
        let at = member.start;
        let mut head = [0_u8; 30];
        let fits = at.checked_add(30).is_some_and(|e| e <= start);
        if !fits {
            return Err(bad("zip member", format!("{:?} at byte {at}", member.name)));
        }
        file.seek(SeekFrom::Start(at)).map_err(io("read", path))?;
        file.read_exact(&mut head).map_err(io("read", path))?;
        member.start = at + 30 + u64::from(u16_at(&head, 26)) + u64::from(u16_at(&head, 28));
        let end =
            member.start.checked_add(member.compressed).filter(|&e| e <= start && head.starts_with(b"PK\x03\x04"));
        let Some(end) = end else { return Err(bad("zip member", format!("{:?} at byte {at}", member.name))) };
        if !member.deflated && member.size != member.compressed {
            return Err(bad(
                "zip member",
                format!("{:?} of {} bytes in {}", member.name, member.size, member.compressed),
            ));
        }
        places.push((at, end, member.name.as_str()));
    }
    places.sort();
    if let Some(two) = places.windows(2).find(|w| w[0].1 > w[1].0) {
        return Err(bad("zip member", format!("{:?} overlaps {:?}", two[1].2, two[0].2)));
    }
    Ok(members)
}

/// One entry of the directory, and what follows it. `start` is that of the header in front of the member.
fn entry(b: &[u8]) -> Option<(Member, &[u8])> {
    if !b.starts_with(b"PK\x01\x02") || b.len() < 46 {
        return None;
    }
    let (name, extra, comment) = (usize::from(u16_at(b, 28)), usize::from(u16_at(b, 30)), usize::from(u16_at(b, 32)));
    let next = b.get(46 + name + extra + comment..)?;
    let (flags, method) = (u16_at(b, 8), u16_at(b, 10));
    let deflated = match method {
        0 => false,
        8 => true,
        _ => return None,
    };
    if flags & 0x2041 != 0 {
        return None; // encrypted
    }
    let (mut compressed, mut size, mut start) =
        (u64::from(u32_at(b, 20)), u64::from(u32_at(b, 24)), u64::from(u32_at(b, 42)));
    // Extra field 1 (zip64): those of size, compressed size and start that did not fit, in this order.
    let mut field = &b[46 + name..46 + name + extra];
    while field.len() >= 4 {
        let len = usize::from(u16_at(field, 2));
        let body = field.get(4..4 + len)?;
        if u16_at(field, 0) == 1 {
            let mut at = 0;
            for value in [&mut size, &mut compressed, &mut start] {
                if *value == 0xffff_ffff {
                    *value = u64::from_le_bytes(body.get(at..at + 8)?.try_into().ok()?);
                    at += 8;
                }
            }
        }
        field = &field[4 + len..];
    }
    let name = String::from_utf8(b[46..46 + name].to_vec()).ok()?;
    Some((Member { name, deflated, start, compressed, size }, next))
}
