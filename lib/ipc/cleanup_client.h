// The protocol of cleanup(8), which makes queue files out of the records that smtpd, pickup, local,
// bounce and others send it: flags, result bits, and the client's side of a message.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/queue/record.h"

namespace relais {

inline constexpr std::string_view kCleanupProtocol = "cleanup_protocol";
// What a cleanup of ours announces behind its reply: it takes another message over the connection.
// Whoever has one asks for it (`request` = `next`) and is announced the next queue id.
inline constexpr std::string_view kCleanupAgainProtocol = "cleanup_again_protocol";

// What cleanup shall do with a message.
enum CleanupFlag : unsigned {
    kCleanupBounce = 1,        // bounces what it refuses
    kCleanupFilter = 2,        // header and body checks
    kCleanupHold = 4,          //
    kCleanupDiscard = 8,       //
    kCleanupBcc = 16,          // always_bcc and the bcc maps
    kCleanupMap = 32,          // canonical, masquerade and virtual alias maps
    kCleanupMilter = 64,       // non_smtpd_milters
    kCleanupSmtpReply = 128,   // the reason may be a complete SMTP reply
    kCleanupSmtputf8 = 256,    // SMTPUTF8 was requested
    kCleanupAutoUtf8 = 512,    // find out by itself whether it is needed
    kCleanupRequireTls = 1024  // REQUIRETLS was requested
};

// Mail from outside; and mail that the system makes itself.
inline constexpr unsigned kCleanupExternal =
    kCleanupFilter | kCleanupMilter | kCleanupBcc | kCleanupMap;
inline constexpr unsigned kCleanupInternal = kCleanupMap;
// What `f` records may add.
inline constexpr unsigned kCleanupExtra = kCleanupHold | kCleanupDiscard;

// Why a message was not taken; 0: it was, and is on disk.
enum CleanupStatus : unsigned {
    kCleanupOk = 0,
    kCleanupBad = 1,           // the client broke the protocol
    kCleanupWrite = 2,         // the queue file could not be written
    kCleanupSize = 4,          // message_size_limit
    kCleanupContent = 8,       // refused by a check
    kCleanupHops = 16,         // hopcount_limit
    kCleanupRecipients = 64,   // no recipients
    kCleanupProxy = 128,       // (smtpd's own) the proxy filter failed
    kCleanupDefer = 256,       // try again later
    kCleanupDenied = 512,      // (postdrop's) the submitter may not
    kCleanupBareLf = 1 << 16,  // (smtpd's own)
};

struct CleanupStatusText {
    unsigned bit;
    int smtp_code;
    std::string_view dsn;
    std::string_view text;
};

// The reply for a set of status bits: that of the most important one.  `status` is not 0.
[[nodiscard]] const CleanupStatusText& cleanup_status_text(unsigned status);

struct CleanupReply {
    unsigned status = kCleanupBad;
    std::string reason;  // may be empty: then cleanup_status_text() says it

    bool ok() const { return status == 0; }
};

// One message on its way into the queue.
class CleanupClient {
  public:
    // Connects, or goes on over a connection that has brought a message before, and reads the queue
    // id.  `socket` is public/cleanup_service_name.
    [[nodiscard]] static Task<Result<std::unique_ptr<CleanupClient>>> open(
        std::string socket, unsigned flags, std::chrono::milliseconds timeout);

    // Over a connection whose other end takes records and answers in the same way (postdrop), and
    // has told the queue id.
    [[nodiscard]] static std::unique_ptr<CleanupClient> over(std::unique_ptr<Stream> stream,
                                                             std::string queue_id);

    // Keeps the connection where cleanup takes more.
    ~CleanupClient();
    CleanupClient(const CleanupClient&) = delete;
    CleanupClient& operator=(const CleanupClient&) = delete;

    const std::string& queue_id() const { return queue_id_; }

    // Records gather in memory until flush(); call it when unsent() grows.
    void put(Rec type, std::string_view data);
    void put_attribute(std::string_view name, std::string_view value);

    void put_encoded(std::string_view records) { stream_->write(records); }

    std::size_t unsent() const { return stream_->unsent(); }

    // For what is passed between records: milters.
    Stream& stream() { return *stream_; }

    // Fails when cleanup is gone.
    [[nodiscard]] Task<Result<void>> flush();

    // Sends what is left (up to and including `E`, which the caller has put) and waits until the
    // message is on disk, or refused.
    [[nodiscard]] Task<Result<CleanupReply>> finish();

  private:
    CleanupClient(std::string socket, std::unique_ptr<Stream> stream, std::string queue_id);

    std::string socket_;  // empty: not one of cleanup's
    bool takes_another_ = false;
    std::unique_ptr<Stream> stream_;
    std::string queue_id_;
    std::string scratch_;
};

}  // namespace relais
