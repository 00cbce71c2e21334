#include "lib/ipc/bounce_client.h"

#include "lib/ipc/service_client.h"

namespace relais {

namespace {

void put_message(AttrWriter& out, const BounceRequest& request) {
    out.string("queue_name", request.queue_name)
        .string("queue_id", request.queue_id)
        .string("encoding", request.encoding)
        .number("smtputf8", request.sendopts)
        .string("sender", request.sender)
        .string("envelope_id", request.envelope_id)
        .number("ret_flags", request.ret_flags);
}

void take_message(AttrReader& in, BounceRequest& request) {
    request.queue_name = in.string("queue_name");
    request.queue_id = in.string("queue_id");
    request.encoding = in.string("encoding");
    request.sendopts = in.signed_number("smtputf8");
    request.sender = in.string("sender");
    request.envelope_id = in.string("envelope_id");
    request.ret_flags = in.signed_number("ret_flags");
}

bool has_recipient(BounceOp op) {
    return op == BounceOp::kAppend || op == BounceOp::kOne;
}

}  // namespace

std::string encode_bounce_request(const BounceRequest& request) {
    AttrWriter out;
    out.number("nrequest", static_cast<int>(request.op)).number("flags", request.flags);
    if (request.op == BounceOp::kAppend) {
        out.string("queue_id", request.queue_id);
    } else {
        put_message(out, request);
    }
    if (request.op == BounceOp::kVerp) {
        out.string("verp_delimiters", request.verp_delimiters);
    }
    if (has_recipient(request.op)) {
        put_recipient(out, request.recipient);
        put_status(out, request.status);
    }
    return out.end().take();
}

Result<BounceRequest> decode_bounce_request(const Attributes& attributes) {
    AttrReader in(attributes);
    BounceRequest request;
    int op = in.signed_number("nrequest");
    if (!in.failed() && (op < 0 || op > static_cast<int>(BounceOp::kTrace))) {
        return fail(Errc::kCorrupt, "unknown command: " + std::to_string(op));
    }
    request.op = static_cast<BounceOp>(op);
    request.flags = in.signed_number("flags");
    if (request.op == BounceOp::kAppend) {
        request.queue_id = in.string("queue_id");
    } else {
        take_message(in, request);
    }
    if (request.op == BounceOp::kVerp) {
        request.verp_delimiters = in.string("verp_delimiters");
    }
    if (has_recipient(request.op)) {
        request.recipient = take_recipient(in);
        request.status = take_status(in);
    }
    if (in.failed()) {
        return fail(Errc::kCorrupt, "malformed request: " + in.error());
    }
    return request;
}

Task<Result<void>> send_bounce_request(std::string service, BounceRequest request,
                                       std::chrono::milliseconds timeout) {
    ServiceAddress address;
    address.socket = "private/" + service;
    address.protocol = kBounceProtocol;
    std::string bytes = encode_bounce_request(request);
    auto status = co_await status_request(address, std::move(bytes), timeout);
    if (!status) {
        co_return fail_with(status);
    }
    if (*status != 0) {
        co_return fail(Errc::kTemporary, service + " service: the request failed");
    }
    co_return Result<void>();
}

}  // namespace relais
