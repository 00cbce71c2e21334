#include "services/showq/message_report.h"

#include <unordered_set>

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/strings.h"
#include "lib/ipc/attr.h"
#include "lib/mail/address.h"
#include "lib/queue/delivery_log.h"
#include "lib/queue/queue_file.h"
#include "lib/queue/record_reader.h"

namespace relais::showq {

namespace {

// Reads one message; what is missing or torn is left out.
class Report {
  public:
    Report(const ReportSettings& settings, std::string_view queue, const std::string& id, int fd,
           const struct stat& info)
        : settings_(settings),
          queue_(queue),
          id_(id),
          reader_(fd),
          expired_((info.st_mode & kModeForceExpire) != 0),
          size_(info.st_size),
          time_(info.st_mtime) {}

    std::string run() {
        for (;;) {
            auto record = reader_.next();
            if (!record || !*record) {
                break;
            }
            if ((*record)->type == Rec::kEnd) {
                break;
            }
            take(**record);
        }
        if (begun_) {
            out_.end();
        }
        return out_.take();
    }

  private:
    void take(const Record& record) {
        switch (record.type) {
            case Rec::kSize:
                take_size(record.data);
                break;
            case Rec::kTime:
                take_time(record.data);
                break;
            case Rec::kSender:
                if (!begun_) {
                    begin(record.data);
                }
                break;
            case Rec::kRecipient:
                if (begun_) {
                    put_pending(shown_address(record.data));
                }
                break;
            case Rec::kContent:
                if (content_end_ > 0) {
                    reader_.seek(content_end_);
                }
                break;
            default:
                break;
        }
    }

    void take_size(std::string_view data) {
        if (auto size = parse_size_record(data); size && size->data_offset > 0) {
            size_ = size->size;
            content_end_ = size->data_offset + size->size;
        }
    }

    void take_time(std::string_view data) {
        auto words = split_words(data);
        auto seconds = words.empty() ? std::nullopt : parse_int(words[0]);
        time_ = seconds.value_or(time_);
    }

    void begin(std::string_view sender) {
        begun_ = true;
        out_.string("queue_name", queue_)
            .string("queue_id", id_)
            .number("time", time_)
            .number("size", size_)
            .number("forced_expire", expired_ ? 1 : 0)
            .string("sender", shown_address(sender));
        if (queue_ != kMaildrop) {
            put_deferrals();
        }
    }

    // Those whose last attempt failed, with the reason.
    void put_deferrals() {
        auto fd = open_unnoted(settings_.dirs.path(kDeferLog, id_), O_RDONLY);
        if (!fd) {
            return;
        }
        DeliveryLogReader log(fd->get(), DeliveryLogReader::Defaults::kDeferred, settings_.utf8);
        for (auto entry = log.next(); entry && *entry; entry = log.next()) {
            if (logged_.insert((*entry)->address).second) {
                put_recipient((*entry)->address, (*entry)->status.reason);
            }
        }
    }

    void put_pending(const std::string& address) {
        if (!logged_.contains(address)) {
            put_recipient(address, "");
        }
    }

    std::string shown_address(std::string_view internal) const {
        if (internal.empty()) {
            return settings_.empty_address;
        }
        return printable(quote_address(internal), '?', settings_.utf8);
    }

    void put_recipient(std::string_view address, std::string_view reason) {
        out_.string("recipient", address).string("reason", reason);
    }

    const ReportSettings& settings_;
    std::string_view queue_;
    const std::string& id_;
    RecordReader reader_;
    bool expired_;
    std::int64_t size_;
    std::int64_t time_;
    std::int64_t content_end_ = 0;
    bool begun_ = false;
    std::unordered_set<std::string> logged_;
    AttrWriter out_;
};

}  // namespace

std::string report_message(const ReportSettings& settings, std::string_view queue,
                           const std::string& id, const std::string& path) {
    auto file = look_at_queue_file(path);
    if (!file) {
        // Delivered, or moved to another queue, meanwhile; incomplete files may be unreadable.
        return {};
    }
    return Report(settings, queue, id, file->fd.get(), file->status.info).run();
}

}  // namespace relais::showq
