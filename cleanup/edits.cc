#include "cleanup/edits.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/address_list.h"
#include "lib/mail/dsn.h"
#include "lib/mail/header.h"

#include "cleanup/headers.h"

namespace relais::cleanup {

namespace {

// All headers together: what filters add has no other bound.
constexpr std::size_t kMaxHeaders = std::size_t{64} << 20;

// One header of a filter's, cut behind its last whole line.
constexpr std::size_t kMaxHeader = 60000;

bool is_text(Rec type) {
    return type == Rec::kLine || type == Rec::kLinePart;
}

// The header's name as it is compared; empty where it is none.
std::string_view name_of(std::string_view header) {
    return header.substr(0, header_name_length(header));
}

// Lines that a filter gave are separated by LF, or CRLF.
std::string header_text(const milter::Edit& edit) {
    std::string text;
    for (const char c : edit.name + ":" + edit.value) {
        if (c == '\n' && text.ends_with('\r')) {
            text.pop_back();
        }
        text += c;
    }
    return text;
}

// All lines but the first begin with a blank, so that none of them ends the headers, or is another
// header.
std::string folded(std::string_view header) {
    std::string text;
    for (const char c : header) {
        if (text.ends_with('\n') && c != ' ' && c != '\t') {
            text += '\t';
        }
        text += c;
    }
    if (text.ends_with('\n')) {
        text += '\t';
    }
    if (text.size() > kMaxHeader) {
        const auto line = text.rfind('\n', kMaxHeader);
        text.resize(line == std::string::npos ? kMaxHeader : line);
    }
    return text;
}

}  // namespace

std::unique_ptr<RecordReader> Edits::reader() {
    if (const auto bytes = message_.file.in_memory()) {
        return std::make_unique<RecordReader>(*bytes);
    }
    if (auto flushed = message_.file.flush(); !flushed) {
        log_warning("{}: write queue file: {}", message_.id(), flushed.error().message);
        message_.fail(kCleanupWrite);
    }
    return std::make_unique<RecordReader>(message_.file.fd());
}

Result<void> Edits::load() {
    body_at_ = message_.body_offset;
    auto from = reader();
    from->seek(message_.data_offset);
    bool open = false;
    for (;;) {
        auto record = from->next();
        if (!record) {
            return fail_with(record);
        }
        if (!*record || !is_text((*record)->type) ||
            from->record_offset() >= message_.body_offset) {
            break;
        }
        const auto text = (*record)->data;
        if (open) {
            headers_.back() += text;
        } else if (!headers_.empty() && (text.starts_with(' ') || text.starts_with('\t'))) {
            headers_.back() += '\n';
            headers_.back() += text;
        } else {
            headers_.emplace_back(text);
        }
        headers_size_ += text.size();
        open = (*record)->type == Rec::kLinePart;
    }
    return {};
}

std::vector<std::string> Edits::headers() {
    std::vector<std::string> shown;
    for (std::size_t i = 0; i < headers_.size(); ++i) {
        if (i != own_) {
            shown.push_back(headers_[i]);
        }
    }
    return shown;
}

void Edits::rewind_body() {
    body_bytes_.clear();
    body_over_ = false;
    body_ = reader();
    body_->seek(body_at_);
    // The line that separates it from the headers is not part of it.
    if (auto first = body_->next(); !first || !*first || !is_text((*first)->type)) {
        body_over_ = true;
    }
}

Result<std::string> Edits::next_body(std::size_t size) {
    while (body_bytes_.size() < size && !body_over_) {
        auto record = body_->next();
        if (!record) {
            return fail_with(record);
        }
        if (!*record) {
            return fail(Errc::kCorrupt, "the queue file ends before its content");
        }
        if (!is_text((*record)->type)) {
            body_over_ = true;
        } else {
            body_bytes_ += (*record)->data;
            body_bytes_ += (*record)->type == Rec::kLine ? "\r\n" : "";
        }
    }
    std::string chunk = body_bytes_.substr(0, size);
    body_bytes_.erase(0, chunk.size());
    return chunk;
}

Task<milter::Verdict> Edits::apply(milter::Edit edit) {
    using Kind = milter::Edit::Kind;
    Result<void> done;
    switch (edit.kind) {
        case Kind::kAddHeader:
        case Kind::kInsertHeader:
        case Kind::kChangeHeader:
            co_await edit_header(std::move(edit));
            break;
        case Kind::kChangeSender:
            co_await change_sender(std::move(edit));
            break;
        case Kind::kAddRecipient:
            co_await add_recipient(std::move(edit));
            break;
        case Kind::kDeleteRecipient:
            done = delete_recipient(edit.name);
            break;
        case Kind::kBodyPart:
            put_body(edit.value);
            break;
        case Kind::kBodyEnd:
            end_body();
            break;
        case Kind::kBodyAbort:
            abort_body();
            break;
    }
    if (!done) {
        log_warning("{}: {}", message_.id(), done.error().message);
        message_.fail(kCleanupWrite);
    }
    if (message_.status == 0 || !checks_.verdict().goes_on()) {
        co_return checks_.verdict();
    }
    const auto& text = cleanup_status_text(message_.status);
    co_return milter::Verdict::refuse(format("{} {} {}", text.smtp_code, text.dsn, text.text));
}

Task<void> Edits::edit_header(milter::Edit edit) {
    std::string text;
    if (edit.kind != milter::Edit::Kind::kChangeHeader || !edit.value.empty()) {
        auto checked = co_await checks_.check(header_text(edit));
        if (!checked) {
            co_return;
        }
        text = folded(*checked);
    }
    if (edit.kind == milter::Edit::Kind::kChangeHeader) {
        change_header(edit, std::move(text));
        co_return;
    }
    const bool insert = edit.kind == milter::Edit::Kind::kInsertHeader;
    insert_header(insert ? std::min<std::size_t>(edit.index, headers_.size()) : headers_.size(),
                  std::move(text));
}

void Edits::insert_header(std::size_t at, std::string text) {
    headers_size_ += text.size();
    if (headers_size_ > kMaxHeaders) {
        log_warning("{}: queue file size limit exceeded", message_.id());
        message_.fail(kCleanupSize);
        return;
    }
    changed_ = true;
    own_ += at <= own_ ? 1 : 0;
    headers_.insert(headers_.begin() + static_cast<std::ptrdiff_t>(at), std::move(text));
}

// This system's own Received: is none that a filter saw.
void Edits::change_header(const milter::Edit& edit, std::string text) {
    std::uint64_t count = edit.index;
    for (std::size_t i = 0; i < headers_.size(); ++i) {
        const auto name = name_of(headers_[i]);
        if (i == own_ || name.empty() || !iequals(name, edit.name) || --count > 0) {
            continue;
        }
        changed_ = true;
        headers_size_ += text.size();
        headers_size_ -= headers_[i].size();
        if (text.empty()) {
            headers_.erase(headers_.begin() + static_cast<std::ptrdiff_t>(i));
            own_ -= i < own_ ? 1 : 0;
        } else {
            headers_[i] = std::move(text);
        }
        return;
    }
    if (!text.empty()) {
        insert_header(headers_.size(), std::move(text));
    }
}

// An address in internal form, out of what a filter gave: with or without brackets.
std::string Edits::address_of(std::string_view given, std::string_view purpose) const {
    const auto list = AddressList::parse(given);
    if (list.size() > 1) {
        log_warning("{}: {}: \"{}\"", message_.id(), purpose, printable(given));
    }
    return list.size() == 0 ? std::string() : list.internal(0);
}

// Leads readers from the record at `from` to the one at `to`.
void Edits::point(std::int64_t from, std::int64_t to) {
    if (message_.skipping()) {
        return;
    }
    std::string pointer;
    append_pointer(pointer, to);
    if (auto done = message_.file.overwrite(from, pointer); !done) {
        log_warning("{}: {}", message_.id(), done.error().message);
        message_.fail(kCleanupWrite);
    }
}

Task<void> Edits::change_sender(milter::Edit edit) {
    const auto at = message_.file.offset();
    std::string envelope_id;
    std::string ret;
    for (const auto word : split_words(edit.value)) {
        if (istarts_with(word, "ENVID=") && xtext_decode(word.substr(6))) {
            envelope_id = word.substr(6);
        } else if (iequals(word, "RET=FULL") || iequals(word, "RET=HDRS")) {
            ret = iequals(word, "RET=FULL") ? "1" : "2";
        } else {
            log_warning("Ignoring bad ESMTP parameter \"{}\" in SMFI_CHGFROM request",
                        printable(word.substr(0, 100)));
        }
    }
    if (!envelope_id.empty()) {
        message_.put_attribute("envelope_id", envelope_id);
        message_.envelope.envelope_id = envelope_id;
    }
    if (!ret.empty()) {
        message_.put_attribute("ret_flags", ret);
        message_.envelope.ret_flags = ret == "1" ? 1 : 2;
    }
    co_await take_sender(service_, message_,
                         address_of(edit.name, "Milter request to add multi-sender"));
    message_.put_pointer(message_.after_sender);
    point(message_.sender_offset, at);
}

// Each may be there once.
NewRecipientArguments Edits::recipient_arguments(std::string_view given) const {
    NewRecipientArguments arguments;
    const auto warn = [this](std::string_view what, std::string_view word) {
        log_warning("{}: {} from Milter or header/body_checks: \"{}\"", message_.id(), what,
                    printable(word.substr(0, 100)));
    };
    for (const auto word : split_words(given)) {
        if (istarts_with(word, "NOTIFY=")) {
            const auto notify = parse_notify(word.substr(7));
            if (notify && arguments.notify == 0) {
                arguments.notify = *notify;
            } else {
                warn("Bad NOTIFY parameter", word);
            }
        } else if (istarts_with(word, "ORCPT=")) {
            auto original = xtext_decode(word.substr(6));
            if (original && original->contains(';') && arguments.dsn_orig_rcpt.empty()) {
                arguments.dsn_orig_rcpt = std::move(*original);
            } else {
                warn("Bad ORCPT parameter", word);
            }
        } else {
            warn("ignoring ESMTP argument", word);
        }
    }
    return arguments;
}

Task<void> Edits::add_recipient(milter::Edit edit) {
    auto arguments = recipient_arguments(edit.value);
    auto address =
        address_of(edit.name, "Milter or header/body_checks request to add multi-recipient");
    if (address.empty()) {
        log_warning("{}: ignoring attempt from Milter to add null recipient", message_.id());
        co_return;
    }
    message_.qmgr_flags |= static_cast<std::int64_t>(arguments.notify) << 1;
    const auto at = message_.file.offset();
    co_await take_added_recipient(service_, message_, std::move(address), std::move(arguments));
    end_addition(at);
}

// What was written from `at` on belongs behind the recipients.
void Edits::end_addition(std::int64_t at) {
    const auto end = message_.file.offset();
    if (end == at) {
        return;  // nothing: the message has that recipient already
    }
    message_.put_pointer(message_.after_recipients);
    point(message_.recipients_end, at);
    message_.recipients_end = end;
}

// FILTER, REDIRECT and BCC of milter_header_checks.
Task<void> Edits::put_asked() {
    const auto& asked = checks_.asked();
    const auto at = message_.file.offset();
    if (!asked.filter.empty()) {
        message_.put(Rec::kFilter, asked.filter);
    }
    if (!asked.redirect.empty()) {
        message_.put(Rec::kRedirect, asked.redirect);
    }
    for (const auto& address : asked.bcc) {
        auto recipient =
            address_of(address, "Milter or header/body_checks request to add multi-recipient");
        co_await take_added_recipient(service_, message_, std::move(recipient), {});
    }
    end_addition(at);
}

// A recipient that goes may come again.
void Edits::forget_recipient(std::string_view address) {
    const auto key = lowercase(address);
    std::erase_if(message_.seen_recipients, [&key](const std::string& seen) {
        return seen == key || seen.ends_with("\n" + key);
    });
}

// What a recipient was before rewriting and aliases is what a filter saw: all that became of it
// goes.
Result<void> Edits::delete_recipient(std::string_view given) {
    const auto address = address_of(given, "Milter request to drop multi-recipient");
    std::vector<std::int64_t> found;
    std::string original;
    auto from = reader();
    for (;;) {
        auto record = from->next();
        if (!record) {
            return fail_with(record);
        }
        if (!*record || (*record)->type == Rec::kEnd) {
            break;
        }
        const auto type = (*record)->type;
        if (type == Rec::kOrigRecipient) {
            original = (*record)->data;
        } else if (type == Rec::kRecipient) {
            if ((original.empty() ? (*record)->data : std::string_view(original)) == address) {
                found.push_back(from->record_offset());
                forget_recipient((*record)->data);
            }
            original.clear();
        } else if (type == Rec::kCanceled || type == Rec::kDone) {
            original.clear();
        } else if (type == Rec::kContent) {
            from->seek(message_.xtra_offset);
        }
    }
    for (const auto offset : found) {
        const char canceled = rec_char(Rec::kCanceled);
        if (auto done = message_.file.overwrite(offset, {&canceled, 1}); !done) {
            return done;
        }
    }
    return {};
}

void Edits::put_body(std::string_view bytes) {
    const auto limit = static_cast<std::size_t>(service_.config.line_length_limit());
    if (!writing_body_) {
        writing_body_ = true;
        changed_ = true;
        line_.clear();
        body_before_ = std::exchange(body_at_, message_.file.offset());
        message_.put(Rec::kLine, "");
    }
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        line_ += bytes.substr(0, end);
        if (end == std::string_view::npos) {
            break;
        }
        bytes.remove_prefix(end + 1);
        if (line_.ends_with('\r')) {
            line_.pop_back();
        }
        message_.put_text(line_, limit);
        line_.clear();
    }
    // One byte stays back, in case that it is the CR of the line's end.
    while (line_.size() > limit) {
        message_.put(Rec::kLinePart, std::string_view(line_).substr(0, limit));
        line_.erase(0, limit);
    }
}

void Edits::end_body() {
    if (!line_.empty()) {
        message_.put_text(line_, static_cast<std::size_t>(service_.config.line_length_limit()));
        line_.clear();
    }
    body_size_ = message_.file.offset() - body_at_;
    message_.put_pointer(message_.xtra_offset);
    writing_body_ = false;
}

// Nothing points to what was written of it.
void Edits::abort_body() {
    body_at_ = body_before_;
    writing_body_ = false;
    line_.clear();
}

Task<void> Edits::finish() {
    if (message_.skipping()) {
        co_return;
    }
    co_await put_asked();
    if (!changed_) {
        co_return;
    }
    const auto at = message_.file.offset();
    Headers writer(service_, message_);
    for (const auto& header : headers_) {
        writer.put_lines(header);
    }
    message_.put_pointer(body_at_);
    point(message_.data_offset, at);
    if (body_size_ >= 0) {
        message_.content_length = message_.body_offset - message_.data_offset + body_size_;
    }
}

}  // namespace relais::cleanup
