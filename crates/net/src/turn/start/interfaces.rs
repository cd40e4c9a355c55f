//! Addresses of this machine's interfaces.
#![allow(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// All of them; none where the system does not say.
pub(super) fn addresses() -> Vec<IpAddr> {
    let mut first: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: the kernel's list is written to a pointer of our own.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut next = first;
    // SAFETY: each entry is valid until the list is freed below, and the last one's next is null.
    while let Some(entry) = unsafe { next.as_ref() } {
        // SAFETY: the address is null or that of this entry.
        found.extend(unsafe { ip_of(entry.ifa_addr) });
        next = entry.ifa_next;
    }
    // SAFETY: it came from `getifaddrs`, and nothing of it is kept.
    unsafe { libc::freeifaddrs(first) };
    found
}

/// # Safety
/// `address` is null, or valid for as much as its family says.
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: the caller's word.
    match i32::from(unsafe { address.as_ref() }?.sa_family) {
        libc::AF_INET => {
            // SAFETY: it has this family, so it has this shape; it may lie unaligned.
            let name = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(IpAddr::V4(Ipv4Addr::from_bits(u32::from_be(name.sin_addr.s_addr))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(IpAddr::V6(Ipv6Addr::from(name.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machine_has_its_loopback_address() {
        let found = super::addresses();
        assert!(found.iter().any(std::net::IpAddr::is_loopback), "{found:?}");
        if let Some(out) = crate::outward_address() {
            assert!(found.contains(&out), "{out} is none of {found:?}");
        }
    }
}
