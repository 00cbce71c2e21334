// The message in its queue file, as filters see and change it, before it becomes mail.
//
// Nothing moves in the file.  New headers, addresses and bodies are written behind its end, and
// pointer records (which every reader follows) lead there and back.  Room for pointers is left
// while the message comes in (Message::editable): behind a short sender, behind short headers, at
// the end of headers, body and recipients, as Postfix leaves it.  The headers are held in memory
// while filters work on them, and written once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/milter/filter.h"
#include "lib/queue/record_reader.h"

#include "cleanup/message.h"
#include "cleanup/milter_checks.h"
#include "cleanup/recipients.h"
#include "cleanup/service.h"

namespace relais::cleanup {

class Edits : public milter::Editor, public milter::Content {
  public:
    // `client` is its name and address, for the log.
    Edits(Service& service, Message& message, std::string client)
        : service_(service), message_(message), checks_(service, message, std::move(client)) {}

    // Reads the headers.
    [[nodiscard]] Result<void> load();

    [[nodiscard]] std::vector<std::string> headers() override;
    void rewind_body() override;
    [[nodiscard]] Result<std::string> next_body(std::size_t size) override;

    // What goes wrong is in the message's status as well.
    [[nodiscard]] Task<milter::Verdict> apply(milter::Edit edit) override;

    // Puts the changes of headers and body into effect, and what checks of the headers asked for.
    [[nodiscard]] Task<void> finish();

  private:
    [[nodiscard]] Task<void> edit_header(milter::Edit edit);
    void insert_header(std::size_t at, std::string text);
    void change_header(const milter::Edit& edit, std::string text);
    [[nodiscard]] Task<void> put_asked();
    void end_addition(std::int64_t at);
    [[nodiscard]] Task<void> change_sender(milter::Edit edit);
    [[nodiscard]] Task<void> add_recipient(milter::Edit edit);
    NewRecipientArguments recipient_arguments(std::string_view given) const;
    [[nodiscard]] Result<void> delete_recipient(std::string_view given);
    std::string address_of(std::string_view given, std::string_view purpose) const;
    void put_body(std::string_view bytes);
    void end_body();
    void abort_body();
    void forget_recipient(std::string_view address);
    void point(std::int64_t from, std::int64_t to);
    std::unique_ptr<RecordReader> reader();

    Service& service_;
    Message& message_;
    MilterChecks checks_;
    std::vector<std::string> headers_;
    std::size_t own_ = 0;  // the one that this system has put on top
    std::size_t headers_size_ = 0;
    bool changed_ = false;
    std::int64_t body_at_ = 0;      // where the body begins now
    std::int64_t body_size_ = -1;   // of a new one
    std::int64_t body_before_ = 0;  // where it began before the one that is being written
    bool writing_body_ = false;
    std::string line_;  // of the new body, until it is complete

    // Reading the body.
    std::unique_ptr<RecordReader> body_;
    std::string body_bytes_;
    bool body_over_ = false;
};

}  // namespace relais::cleanup
