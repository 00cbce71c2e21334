#include "lib/ipc/dnsblog.h"

namespace relais {

namespace {

void put_request(AttrWriter& writer, const DnsblogRequest& request) {
    writer.string("rbl_domain", request.domain)
        .string("client_address", request.address)
        .number("label", request.label);
}

DnsblogRequest take_request(AttrReader& reader) {
    DnsblogRequest request;
    request.domain = reader.string("rbl_domain");
    request.address = reader.string("client_address");
    request.label = reader.number("label");
    return request;
}

}  // namespace

std::string format_dnsblog_request(const DnsblogRequest& request) {
    AttrWriter writer;
    put_request(writer, request);
    return writer.end().take();
}

Result<DnsblogRequest> parse_dnsblog_request(const Attributes& attributes) {
    AttrReader reader(attributes);
    auto request = take_request(reader);
    if (reader.failed()) {
        return fail(Errc::kCorrupt, reader.error());
    }
    return request;
}

std::string format_dnsblog_reply(const DnsblogReply& reply) {
    AttrWriter writer;
    put_request(writer, reply.request);
    return writer.string("rbl_addr", reply.addresses).number("ttl", reply.ttl).end().take();
}

Result<DnsblogReply> parse_dnsblog_reply(const Attributes& attributes) {
    AttrReader reader(attributes);
    DnsblogReply reply;
    reply.request = take_request(reader);
    reply.addresses = reader.string("rbl_addr");
    reply.ttl = reader.signed_number("ttl");
    if (reader.failed()) {
        return fail(Errc::kCorrupt, reader.error());
    }
    return reply;
}

}  // namespace relais
