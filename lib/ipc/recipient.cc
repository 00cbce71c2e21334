#include "lib/ipc/recipient.h"

namespace relais {

void put_recipient(AttrWriter& out, const Recipient& recipient) {
    out.string("original_recipient", recipient.original)
        .string("recipient", recipient.address)
        .long_number("offset", recipient.offset)
        .string("dsn_orig_rcpt", recipient.dsn_orig_rcpt)
        .number("notify_flags", recipient.notify);
}

Recipient take_recipient(AttrReader& in) {
    Recipient out;
    out.original = in.string("original_recipient");
    out.address = in.string("recipient");
    out.offset = in.long_number("offset");
    out.dsn_orig_rcpt = in.string("dsn_orig_rcpt");
    out.notify = in.signed_number("notify_flags");
    return out;
}

void put_status(AttrWriter& out, const DeliveryStatus& status) {
    out.string("status", status.status)
        .string("diag_type", status.diag_type)
        .string("diag_text", status.diag_text)
        .string("mta_type", status.mta_type)
        .string("mta_mname", status.mta_mname)
        .string("action", status.action)
        .string("reason", status.reason);
}

DeliveryStatus take_status(AttrReader& in) {
    DeliveryStatus out;
    out.status = in.string("status");
    out.diag_type = in.string("diag_type");
    out.diag_text = in.string("diag_text");
    out.mta_type = in.string("mta_type");
    out.mta_mname = in.string("mta_mname");
    out.action = in.string("action");
    out.reason = in.string("reason");
    return out;
}

}  // namespace relais
