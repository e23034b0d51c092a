/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * Tells of every IP packet that the kernel drops in some network namespaces: when, where, why, and its first bytes.
 * OFFSET_*: where members stand in this kernel's structures, from its BTF (dataplane/ebpf/btf.py).
 */
#define BPF_LICENSE Dual MIT/GPL

#define PACKET_BYTES 128
#define VXLAN 4789

struct drop {
	u64 time_ns;
	u64 where;
	u32 netns;
	u32 reason;
	u32 length;
	u32 copied;
	char link[16];
	u8 packet[PACKET_BYTES];
};

struct window {
	u64 number;
	u64 told;
};

struct mark {
	u32 protocol;
	u32 number; /* 0: every packet */
	u32 most;   /* to tell of in a second and CPU; 0: no end */
	u32 unused;
};

BPF_RINGBUF_OUTPUT(drops, 512);
BPF_HASH(places, u32, u8, 16384);
BPF_ARRAY(marks, struct mark, 1);
BPF_HASH(missed, u32, u64, 16384);
BPF_PERCPU_ARRAY(windows, struct window, 1);

static __always_inline u64 at(u64 from, u32 offset)
{
	u64 value = 0;
	bpf_probe_read_kernel(&value, 8, (void *)(from + offset));
	return value;
}

static __always_inline u32 u16_at(u64 from)
{
	u16 value = 0;
	bpf_probe_read_kernel(&value, 2, (void *)from);
	return value;
}

static __always_inline u32 be16_at(u64 from)
{
	return bpf_ntohs((u16)u16_at(from));
}

static __always_inline u32 u8_at(u64 from)
{
	u8 value = 0;
	bpf_probe_read_kernel(&value, 1, (void *)from);
	return value;
}

static __always_inline u32 namespace_of(u64 net)
{
	u32 number = 0;
	if (net)
		bpf_probe_read_kernel(&number, 4, (void *)(net + OFFSET_NET_INUM));
	return number;
}

static __always_inline u32 watched(u32 netns)
{
	return netns && places.lookup(&netns) ? netns : 0;
}

/* Bytes of an IP header, and the protocol behind it; 0 for what is not IP. IPv6's further headers are not followed. */
static __always_inline u32 ip_header(u64 ip, u32 *protocol)
{
	u32 first = u8_at(ip);
	if (first >> 4 == 4) {
		*protocol = u8_at(ip + 9);
		return (first & 15) * 4;
	}
	*protocol = u8_at(ip + 6);
	return first >> 4 == 6 ? 40 : 0;
}

static __always_inline int carries(u64 ip, struct mark *mark)
{
	u32 protocol = 0, header = ip_header(ip, &protocol);
	u64 transport = ip + header;
	if (!header || protocol != mark->protocol)
		return 0;
	if (protocol == 1 || protocol == 58)
		return be16_at(transport + 4) == mark->number;
	return be16_at(transport) == mark->number || be16_at(transport + 2) == mark->number;
}

/* The marked packet, its answer, or an ICMP error about either. */
static __always_inline int is_ours(u64 ip, struct mark *mark)
{
	u32 protocol = 0, header = ip_header(ip, &protocol);
	if (carries(ip, mark))
		return 1;
	return header && (protocol == 1 || protocol == 58) && carries(ip + header + 8, mark);
}

static __always_inline int is_wanted(u64 ip, struct mark *mark)
{
	u32 protocol = 0, header = ip_header(ip, &protocol);
	if (!mark->number || is_ours(ip, mark))
		return 1;
	/* UDP's 8 bytes, VXLAN's 8, Ethernet's 14 */
	return header && protocol == 17 && be16_at(ip + header + 2) == VXLAN && is_ours(ip + header + 30, mark);
}

static __always_inline void miss(u32 netns)
{
	u64 zero = 0, *count = missed.lookup_or_try_init(&netns, &zero);
	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline int is_too_many(struct mark *mark, u64 now)
{
	int zero = 0;
	struct window *window = windows.lookup(&zero);
	if (!window || !mark->most)
		return 0;
	if (window->number != now >> 30) {
		window->number = now >> 30;
		window->told = 0;
	}
	return window->told++ >= mark->most;
}

int raw_tracepoint__kfree_skb(struct bpf_raw_tracepoint_args *ctx)
{
	u64 skb = ctx->args[0], head = at(skb, OFFSET_HEAD), device = at(skb, OFFSET_DEV);
	u32 begin = u16_at(skb + OFFSET_NETWORK_HEADER), tail = 0, length = 0, netns, protocol = 0;
	int zero = 0;
	struct mark *mark = marks.lookup(&zero);
	if (!mark || !begin)
		return 0;

	/* The link that holds it, else the socket that made it, else the link that it was to leave by. */
	netns = device ? watched(namespace_of(at(device, OFFSET_DEV_NET))) : 0;
	if (!netns) {
		u64 sock = at(skb, OFFSET_SK);
		device = at(skb, OFFSET_DST) & ~1ULL;
		device = device ? at(device, OFFSET_DST_DEV) : 0;
		netns = sock ? watched(namespace_of(at(sock, OFFSET_SK_NET))) : 0;
		if (!netns && device)
			netns = watched(namespace_of(at(device, OFFSET_DEV_NET)));
		if (!netns)
			return 0;
	}
	bpf_probe_read_kernel(&tail, 4, (void *)(skb + OFFSET_TAIL));
	bpf_probe_read_kernel(&length, 4, (void *)(skb + OFFSET_LEN));
	u64 ip = head + begin;
	if (tail < begin + 20 || !ip_header(ip, &protocol) || !is_wanted(ip, mark))
		return 0;

	u64 now = bpf_ktime_get_ns();
	if (is_too_many(mark, now)) {
		miss(netns);
		return 0;
	}
	struct drop *told = drops.ringbuf_reserve(sizeof(struct drop));
	if (!told) {
		miss(netns);
		return 0;
	}
	told->time_ns = now;
	told->where = ctx->args[1];
#ifdef HAS_REASON
	told->reason = ctx->args[2];
#else
	told->reason = 0;
#endif
	told->netns = netns;
	told->length = length;
	told->copied = tail - begin < PACKET_BYTES ? tail - begin : PACKET_BYTES;
	__builtin_memset(told->link, 0, sizeof(told->link));
	if (device)
		bpf_probe_read_kernel(told->link, sizeof(told->link), (void *)(device + OFFSET_DEV_NAME));
	/* Behind the packet's end other memory is copied too, and cut off by its reader. */
	bpf_probe_read_kernel(told->packet, PACKET_BYTES, (void *)ip);
	drops.ringbuf_submit(told, 0);
	return 0;
}
