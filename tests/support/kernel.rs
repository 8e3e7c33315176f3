//! Kernels that refuse a system call.

use super::dyno::skipped;
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use std::collections::BTreeMap;
use std::thread;

/// What makes a thread, and all that it starts, get `errno` for these system calls, where the kernel can do
/// that.
pub(crate) fn refusing(
    calls: Vec<(libc::c_long, Vec<SeccompRule>)>,
    errno: i32,
) -> Option<impl Fn() + Clone + Send + Sync + 'static> {
    let architecture = std::env::consts::ARCH.try_into().expect("seccomp knows this machine");
    let filter = SeccompFilter::new(
        calls.into_iter().collect::<BTreeMap<_, _>>(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno.cast_unsigned()),
        architecture,
    );
    let filter: BpfProgram = filter
        .and_then(BpfProgram::try_from)
        .expect("the filter is a right one");
    let probe = filter.clone();
    if thread::spawn(move || apply_filter(&probe).is_err())
        .join()
        .unwrap_or(true)
    {
        skipped("this kernel filters no system calls");
        return None;
    }
    Some(move || apply_filter(&filter).expect("it worked before"))
}

/// What makes a thread, and all that it starts, get no more threads, as at a limit of the container.
pub(crate) fn refusing_threads() -> Option<impl Fn() + Clone + Send + Sync + 'static> {
    let flag = u64::from(libc::CLONE_THREAD.cast_unsigned());
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag);
    let rule = condition.and_then(|condition| SeccompRule::new(vec![condition]));
    let rule = rule.expect("the flags are the first argument");
    let refuse = refusing(vec![(libc::SYS_clone, vec![rule])], libc::EAGAIN)?;
    // Its flags are out of sight. Without it, C libraries take the call above.
    let refuse_clone3 = refusing(vec![(libc::SYS_clone3, Vec::new())], libc::ENOSYS)?;
    Some(move || {
        refuse();
        refuse_clone3();
    })
}
