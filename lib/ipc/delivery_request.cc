#include "lib/ipc/delivery_request.h"

#include <cstring>
#include <type_traits>
#include <utility>

namespace relais {

namespace {

// The bytes of DeliveryTimes are the protocol between processes of one machine.
static_assert(std::is_trivially_copyable_v<DeliveryTimes>);

constexpr std::uint32_t kMaxRecipients = 1'000'000;

std::string times_bytes(const DeliveryTimes& times) {
    // Padding must not carry what was in memory.
    std::string bytes(sizeof(DeliveryTimes), '\0');
    std::size_t meaningful = offsetof(DeliveryTimes, reuse_count) + sizeof(times.reuse_count);
    std::memcpy(bytes.data(), &times, meaningful);
    return bytes;
}

bool parse_times(const std::string& bytes, DeliveryTimes& times) {
    if (bytes.size() != sizeof(DeliveryTimes)) {
        return false;
    }
    std::memcpy(&times, bytes.data(), sizeof(DeliveryTimes));
    return true;
}

struct RequestHead {
    DeliveryRequest request;
    std::uint32_t recipient_count = 0;
};

Result<RequestHead> parse_head(const Attributes& attributes) {
    AttrReader in(attributes);
    RequestHead head;
    DeliveryRequest& to = head.request;
    to.flags = in.signed_number("flags");
    to.queue_name = in.string("queue_name");
    to.queue_id = in.string("queue_id");
    to.data_offset = in.long_number("offset");
    to.data_size = in.long_number("size");
    to.nexthop = in.string("nexthop");
    to.encoding = in.string("encoding");
    to.sendopts = in.signed_number("smtputf8");
    to.sender = in.string("sender");
    to.envelope_id = in.string("envelope_id");
    to.ret_flags = in.signed_number("ret_flags");
    bool times_ok = parse_times(in.data("time"), to.times);
    to.log_client_name = in.string("log_client_name");
    to.log_client_address = in.string("log_client_address");
    to.log_client_port = in.string("log_client_port");
    to.log_protocol_name = in.string("log_protocol_name");
    to.log_helo_name = in.string("log_helo_name");
    to.sasl_method = in.string("sasl_method");
    to.sasl_username = in.string("sasl_username");
    to.sasl_sender = in.string("sasl_sender");
    to.log_ident = in.string("log_ident");
    to.rewrite_context = in.string("rewrite_context");
    head.recipient_count = in.number("recipient_count");
    if (in.failed()) {
        return fail(Errc::kCorrupt, "delivery request: " + in.error());
    }
    if (!times_ok) {
        return fail(Errc::kCorrupt, "delivery request: malformed attribute time");
    }
    if (head.recipient_count == 0 || head.recipient_count > kMaxRecipients) {
        return fail(Errc::kCorrupt, "delivery request: bad recipient count");
    }
    return head;
}

}  // namespace

timeval time_of_day() {
    timeval now;
    ::gettimeofday(&now, nullptr);
    return now;
}

std::string encode_delivery_request(const DeliveryRequest& request) {
    AttrWriter out;
    out.number("flags", request.flags)
        .string("queue_name", request.queue_name)
        .string("queue_id", request.queue_id)
        .long_number("offset", request.data_offset)
        .long_number("size", request.data_size)
        .string("nexthop", request.nexthop)
        .string("encoding", request.encoding)
        .number("smtputf8", request.sendopts)
        .string("sender", request.sender)
        .string("envelope_id", request.envelope_id)
        .number("ret_flags", request.ret_flags)
        .data("time", times_bytes(request.times))
        .string("log_client_name", request.log_client_name)
        .string("log_client_address", request.log_client_address)
        .string("log_client_port", request.log_client_port)
        .string("log_protocol_name", request.log_protocol_name)
        .string("log_helo_name", request.log_helo_name)
        .string("sasl_method", request.sasl_method)
        .string("sasl_username", request.sasl_username)
        .string("sasl_sender", request.sasl_sender)
        .string("log_ident", request.log_ident)
        .string("rewrite_context", request.rewrite_context)
        .number("recipient_count", std::ssize(request.recipients))
        .end();
    for (const Recipient& recipient : request.recipients) {
        put_recipient(out, recipient);
        out.end();
    }
    return out.take();
}

Task<Result<DeliveryRequest>> read_delivery_request(Stream* stream) {
    auto list = co_await read_attributes(stream);
    if (!list) {
        co_return fail_with(list);
    }
    auto head = parse_head(*list);
    if (!head) {
        co_return fail_with(head);
    }
    for (std::uint32_t i = 0; i < head->recipient_count; ++i) {
        auto entry = co_await read_attributes(stream);
        if (!entry) {
            co_return fail(Errc::kCorrupt, "delivery request: " + entry.error().message);
        }
        AttrReader in(*entry);
        head->request.recipients.push_back(take_recipient(in));
        if (in.failed()) {
            co_return fail(Errc::kCorrupt, "delivery request: " + in.error());
        }
    }
    co_return std::move(head->request);
}

std::string encode_delivery_reply(const DeliveryReply& reply) {
    AttrWriter out;
    put_status(out, reply.hop);
    out.number("status", reply.status).end();
    return out.take();
}

Task<Result<DeliveryReply>> read_delivery_reply(Stream* stream) {
    auto list = co_await read_attributes(stream);
    if (!list) {
        co_return fail_with(list);
    }
    AttrReader in(*list);
    DeliveryReply reply;
    reply.hop = take_status(in);
    reply.status = in.signed_number("status");
    if (in.failed()) {
        co_return fail(Errc::kCorrupt, "delivery reply: " + in.error());
    }
    co_return reply;
}

}  // namespace relais
