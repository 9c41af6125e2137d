//! What a pickle of tensors is made of.

use crate::dtype::Dtype;

/// Something on the short list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Known {
    /// `collections.OrderedDict`, `collections.defaultdict`, `builtins.dict`.
    Table,
    /// `torch._utils._rebuild_tensor_v2`, `_v3`, `_rebuild_tensor`.
    Tensor,
    /// `torch._utils._rebuild_parameter`.
    Parameter,
    /// `torch._tensor._rebuild_from_type_v2`.
    Typed,
    /// A storage class of this number format, or untyped (bytes).
    Storage(Option<Dtype>, String),
    /// A number format, `torch.float32`.
    Format(String),
    /// What makes a value that does not matter here: `torch.Size`, `torch.device`, `builtins.set`.
    Harmless,
}

/// A tensor as a view on a storage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    /// Name of the storage in the archive.
    pub(crate) key: String,
    /// Number format.
    pub(crate) dtype: Dtype,
    /// The format as the file names it.
    pub(crate) format: String,
    /// Entries of the storage.
    pub(crate) entries: u64,
    /// First entry.
    pub(crate) offset: u64,
    /// Shape.
    pub(crate) shape: Vec<u64>,
    /// Strides, in entries.
    pub(crate) stride: Vec<u64>,
}

/// A value; others are named by their number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    /// Where a text lies in the pickle.
    Text(u32, u32),
    Tuple(Vec<u32>),
    List(Vec<u32>),
    Table(Vec<(u32, u32)>),
    Known(Box<Known>),
    Storage(Box<View>),
    Tensor(Box<View>),
    Harmless,
}

/// What a pickle holds.
pub(crate) struct Pickled<'a> {
    pub(super) bytes: &'a [u8],
    pub(crate) values: Vec<Value>,
    pub(crate) root: u32,
}

/// Why a pickle is refused: field and value.
pub(crate) type Refusal = (&'static str, String);

pub(super) fn odd<T>(what: &'static str, value: impl std::fmt::Display) -> Result<T, Refusal> {
    Err((what, value.to_string()))
}

/// The short list.
pub(super) fn known(module: &str, name: &str) -> Option<Known> {
    Some(match (module, name) {
        ("collections", "OrderedDict" | "defaultdict") | ("builtins" | "__builtin__", "dict") => Known::Table,
        ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor_v3" | "_rebuild_tensor") => Known::Tensor,
        ("torch._utils", "_rebuild_parameter") => Known::Parameter,
        ("torch._tensor", "_rebuild_from_type_v2") => Known::Typed,
        ("torch" | "torch.storage", "UntypedStorage") => Known::Storage(None, name.to_owned()),
        ("torch", _) if name.ends_with("Storage") => Known::Storage(Some(Dtype::torch(name)?), name.to_owned()),
        ("torch", "Size" | "device")
        | ("builtins" | "__builtin__", "set")
        | ("torch.nn.parameter", "Parameter")
        | ("torch.serialization", "_get_layout") => Known::Harmless,
        ("torch", "strided" | "contiguous_format" | "channels_last" | "preserve_format") => Known::Harmless,
        ("torch", _) => Dtype::torch(name).map(|_| Known::Format(name.to_owned()))?,
        _ => return None,
    })
}

impl Pickled<'_> {
    /// The text of a value, if it is one of at most 1024 bytes; integers count as texts.
    pub(crate) fn text(&self, value: u32) -> Option<String> {
        match self.values.get(value as usize)? {
            Value::Text(from, to) if to - from <= 1024 => {
                Some(String::from_utf8_lossy(&self.bytes[*from as usize..*to as usize]).into_owned())
            }
            Value::Int(n) => Some(n.to_string()),
            _ => None,
        }
    }
}
