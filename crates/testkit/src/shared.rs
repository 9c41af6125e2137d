//! Real data that lie beside the project, not in it.

use std::path::Path;
use std::process::Command;

/// Unpacks the training files of CIFAR-10 from `../shared/data/cifar-10` of the checkout into `folder`. False if they are not there,
/// or no `python3` to unpack them: then a test has nothing to run on, and says so.
pub fn cifar_10(folder: &Path) -> bool {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cifar-10");
    (1..=5).all(|i| {
        let name = format!("data_batch_{i}.bin");
        let (from, to) = (packed.join(format!("{name}.xz")), folder.join(name));
        let script = "import lzma, sys; open(sys.argv[2], 'wb').write(lzma.open(sys.argv[1]).read())";
        let done = Command::new("python3").arg("-c").arg(script).args([from, to]).status();
        done.is_ok_and(|s| s.success())
    })
}
