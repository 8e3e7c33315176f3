//! The headers of HTTP/2 (<https://www.rfc-editor.org/rfc/rfc7541>), as far as one request and its answer need them: we
//! add nothing to a table, and tell the peer to keep none, so only the static table matters.

/// The entries of the static table that matter in an answer, with the value that an index alone stands for.
const STATIC: [(u64, &str, &str); 8] = [
    (8, ":status", "200"),
    (9, ":status", "204"),
    (10, ":status", "206"),
    (11, ":status", "304"),
    (12, ":status", "400"),
    (13, ":status", "404"),
    (14, ":status", "500"),
    (31, "content-type", ""),
];

/// A header.
pub(crate) type Field = (String, String);

/// Appends a header whose name is in the static table.
pub(crate) fn encode_indexed(block: &mut Vec<u8>, index: u64, value: &str) {
    encode_number(block, 0, 4, index);
    encode_text(block, value);
}

/// Appends a header that is in the static table with its value.
pub(crate) fn encode_whole(block: &mut Vec<u8>, index: u64) {
    encode_number(block, 0x80, 7, index);
}

/// Appends a header.
pub(crate) fn encode(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    encode_text(block, name);
    encode_text(block, value);
}

fn encode_text(block: &mut Vec<u8>, text: &str) {
    encode_number(block, 0, 7, text.len() as u64);
    block.extend_from_slice(text.as_bytes());
}

/// Appends a number in the last `bits` bits of a byte that begins with `mark`, and in further bytes as needed.
fn encode_number(block: &mut Vec<u8>, mark: u8, bits: u32, number: u64) {
    let most = (1_u8 << bits) - 1;
    if let Some(small) = u8::try_from(number).ok().filter(|number| *number < most) {
        block.push(mark | small);
        return;
    }
    block.push(mark | most);
    let mut rest = number - u64::from(most);
    while rest >= 0x80 {
        block.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    block.push(low_byte(rest));
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

/// Reads a block of headers. Other names of the static table are empty. `None` for anything else.
pub(crate) fn decode(block: &[u8]) -> Option<Vec<Field>> {
    let mut rest = block;
    let mut fields = Vec::new();
    while let Some(first) = rest.first() {
        match first {
            // A header from the table.
            0x80.. => {
                let index = number(&mut rest, 7)?;
                let known = STATIC.iter().find(|(known, ..)| *known == index);
                let (name, value) = known.map_or(("", ""), |(_, name, value)| (*name, *value));
                fields.push((name.to_owned(), value.to_owned()));
            }
            // The size of the table.
            0x20..0x40 => drop(number(&mut rest, 5)?),
            // A header with a value of its own, for the table or not.
            _ => {
                let index = number(&mut rest, if *first >= 0x40 { 6 } else { 4 })?;
                let name = match index {
                    0 => text(&mut rest)?,
                    _ => STATIC
                        .iter()
                        .find(|(known, ..)| *known == index)
                        .map_or("", |(_, name, _)| name)
                        .to_owned(),
                };
                fields.push((name, text(&mut rest)?));
            }
        }
    }
    Some(fields)
}

/// Takes a number from the front, whose first byte has it in the last `bits` bits.
fn number(rest: &mut &[u8], bits: u32) -> Option<u64> {
    let most = (1_u8 << bits) - 1;
    let first = take(rest, 1)?[0] & most;
    let mut number = u64::from(first);
    if first < most {
        return Some(number);
    }
    for shift in [0, 7, 14, 21, 28] {
        let byte = take(rest, 1)?[0];
        number += u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Takes a text from the front.
fn text(rest: &mut &[u8]) -> Option<String> {
    let is_huffman = rest.first()? & 0x80 != 0;
    let length = usize::try_from(number(rest, 7)?).ok()?;
    let bytes = take(rest, length)?;
    let bytes = if is_huffman { huffman(bytes)? } else { bytes.to_vec() };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// The length of the code of each byte, in bits. The codes follow from it: they are assigned by length, then by byte
/// (<https://www.rfc-editor.org/rfc/rfc7541#appendix-B>).
const CODE_LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26,
];

/// Decodes a text in Huffman code. `None` for anything else.
fn huffman(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let (mut code, mut length) = (0_u32, 0_u8);
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    for bit in bits {
        code = code << 1 | u32::from(bit);
        length += 1;
        if let Some(byte) = decoded(code, length) {
            text.push(byte);
            (code, length) = (0, 0);
        } else if length >= 30 {
            return None;
        }
    }
    // The last byte is filled up with ones.
    (length < 8 && code == (1 << length) - 1).then_some(text)
}

/// The byte with this code.
fn decoded(code: u32, length: u8) -> Option<u8> {
    let mut first = 0_u32;
    for shorter in 5..length {
        first = (first + count(shorter)) << 1;
    }
    let place = code.checked_sub(first)?;
    let mut of_length = (0..=u8::MAX).filter(|byte| CODE_LENGTHS[usize::from(*byte)] == length);
    of_length.nth(usize::try_from(place).ok()?)
}

/// How many codes have this length.
fn count(length: u8) -> u32 {
    CODE_LENGTHS.iter().map(|of| u32::from(*of == length)).sum()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, encode_indexed, encode_whole, huffman};
    use proptest::prelude::*;

    fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        fields.iter().map(owned).collect()
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // Appendix C.4.1: the value is coded.
        let host = b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(huffman(host).as_deref(), Some(&b"www.example.com"[..]));
        // Appendix C.6.1, with the names that count here.
        let block = b"\x48\x82\x64\x02\x58\x85\xae\xc3\x77\x1a\x4b\x61\x96\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\
            \x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff\x6e\x91\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\
            \x82\xae\x43\xd3";
        let expected = fields(&[
            (":status", "302"),
            ("", "private"),
            ("", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("", "https://www.example.com"),
        ]);
        assert_eq!(decode(block), Some(expected));
    }

    #[test]
    fn what_we_encode_is_read_back() {
        let mut block = vec![0x20];
        encode_whole(&mut block, 8);
        encode_indexed(&mut block, 31, "application/grpc");
        encode(&mut block, "grpc-status", "12");
        encode(&mut block, "long", &"x".repeat(5000));
        let long = "x".repeat(5000);
        let expected = fields(&[
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-status", "12"),
            ("long", &long),
        ]);
        assert_eq!(decode(&block), Some(expected));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for block in [
            &b"\x00\x05abc"[..],
            b"\x00",
            b"\x40\x81\xff\xff\xff\xff",
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x00\x01a\x81\x00",
            b"\x00\x01a\x7f\xff\xff\xff\xff\x0f",
        ] {
            assert_eq!(decode(block), None, "{block:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_block_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes);
            let _ = huffman(&bytes);
        }
    }
}
