#include "qmgr/message.h"

#include <algorithm>

#include "lib/base/strings.h"
#include "lib/queue/sendopts.h"

namespace relais::qmgr {

std::string verp_sender(const std::string& delimiters, const std::string& sender,
                        const std::string& recipient) {
    auto from = split_last(sender, '@');
    auto to = split_last(recipient, '@');
    std::string out(from ? from->first : std::string_view(sender));
    out += delimiters[0];
    out += to ? to->first : std::string_view(recipient);
    if (to) {
        out += delimiters[1];
        out += to->second;
    }
    if (from) {
        (out += '@') += from->second;
    }
    return out;
}

DeliveryRequest make_request(const Entry& entry, const std::string& nexthop) {
    const Message& message = *entry.message;
    const MessageEnvelope& envelope = message.envelope;
    DeliveryRequest request;
    // Agents of messages with an inspector must not mark recipients as delivered.
    request.flags =
        envelope.trace_flags | (envelope.inspector.empty() ? kDeliveryDefault : kMarkOnBounce);
    request.queue_name = kActive;
    request.queue_id = message.id;
    request.data_offset = envelope.size.data_offset;
    request.data_size = envelope.size.content_length;
    request.nexthop = nexthop;
    request.encoding = envelope.encoding;
    request.sendopts = static_cast<int>(envelope.size.sendopts);
    if (std::ranges::any_of(entry.recipients,
                            [](const auto& recipient) { return !is_ascii(recipient.address); })) {
        request.sendopts |= kUtf8Recipient;
    }
    request.sender = envelope.sender;
    if (!envelope.verp_delimiters.empty() && !envelope.sender.empty()) {
        // The list knows its member by the address that it wrote to.
        const auto& recipient = entry.recipients.front();
        request.sender =
            verp_sender(envelope.verp_delimiters, envelope.sender,
                        recipient.original.empty() ? recipient.address : recipient.original);
    }
    request.envelope_id = envelope.envelope_id;
    request.ret_flags = envelope.ret_flags;
    request.times = message.times;
    request.log_client_name = envelope.log_attribute("client_name");
    request.log_client_address = envelope.log_attribute("client_address");
    request.log_client_port = envelope.log_attribute("client_port");
    request.log_protocol_name = envelope.log_attribute("protocol_name");
    request.log_helo_name = envelope.log_attribute("helo_name");
    request.sasl_method = envelope.attribute("sasl_method");
    request.sasl_username = envelope.attribute("sasl_username");
    request.sasl_sender = envelope.attribute("sasl_sender");
    request.log_ident = envelope.attribute("log_ident");
    request.rewrite_context = envelope.rewrite_context;
    request.recipients = entry.recipients;
    return request;
}

}  // namespace relais::qmgr
