#include "tools/postfix-collate/collator.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace relais {

namespace {

// Beside smtpd.  What others say of a message (postsuper, filters) is not part of its way.
constexpr std::array<std::string_view, 4> kStations = {"cleanup", "pickup", "qmgr", "bounce"};
constexpr std::array<std::string_view, 7> kAgents = {"smtp", "lmtp",  "local",  "virtual",
                                                     "pipe", "error", "discard"};

bool is_one_of(const auto& programs, std::string_view program) {
    return std::ranges::find(programs, program) != programs.end();
}

}  // namespace

void Collator::begin_message(std::string_view id, std::string lines) {
    open_.insert_or_assign(std::string(id), Message{++messages_, std::move(lines)});
}

void Collator::add_to_message(std::string_view id, const std::string& line) {
    if (auto found = open_.find(id); found != open_.end()) {
        found->second.lines += line;
    }
}

void Collator::finish(std::string_view id) {
    if (auto found = open_.find(id); found != open_.end()) {
        print_(found->second.lines);
        open_.erase(found);
    }
}

// smtpd: a session is one process between "connect" and "disconnect".
void Collator::add_of_session(const CollatedLine& parsed, const std::string& line) {
    if (parsed.queue_id.empty() && parsed.text.starts_with("connect from ")) {
        sessions_.insert_or_assign(std::string(parsed.process), Session{line, ""});
        return;
    }
    Session& session = sessions_.try_emplace(std::string(parsed.process)).first->second;
    session.lines += line;
    if (parsed.queue_id.empty()) {
        add_to_message(session.message, line);
        if (parsed.text.starts_with("disconnect from ")) {
            sessions_.erase(sessions_.find(parsed.process));
        }
    } else if (parsed.text.starts_with("client=")) {
        session.message = parsed.queue_id;
        begin_message(parsed.queue_id, session.lines);
    } else {
        add_to_message(parsed.queue_id, line);
    }
}

// What an agent says without a queue id belongs to the message that it names next.
void Collator::add_of_agent(const CollatedLine& parsed, const std::string& line) {
    if (parsed.queue_id.empty()) {
        remarks_[std::string(parsed.process)] += line;
        return;
    }
    if (auto found = remarks_.find(parsed.process); found != remarks_.end()) {
        add_to_message(parsed.queue_id, found->second);
        remarks_.erase(found);
    }
    add_to_message(parsed.queue_id, line);
}

// "sender non-delivery notification: ID": the first line of another message.
void Collator::begin_notification(const CollatedLine& parsed, const std::string& line) {
    constexpr std::string_view kBefore = "notification: ";
    std::size_t at = parsed.text.find(kBefore);
    if (at == std::string_view::npos) {
        return;
    }
    std::string_view id = trim_right(parsed.text.substr(at + kBefore.size()));
    if (open_.contains(id)) {
        add_to_message(id, line);
    } else if (looks_like_queue_id(id)) {
        begin_message(id, line);
    }
}

void Collator::add(const std::string& line) {
    auto parsed = parse_collated_line(line);
    if (!parsed) {
        return;
    }
    if (parsed->program == "smtpd") {
        add_of_session(*parsed, line);
        return;
    }
    if (is_one_of(kAgents, parsed->program)) {
        add_of_agent(*parsed, line);
        return;
    }
    if (parsed->queue_id.empty() || !is_one_of(kStations, parsed->program)) {
        return;
    }
    bool begins = (parsed->program == "cleanup" || parsed->program == "pickup") &&
                  !open_.contains(parsed->queue_id);
    if (begins) {
        begin_message(parsed->queue_id, line);
    } else {
        add_to_message(parsed->queue_id, line);
    }
    if (parsed->program == "bounce") {
        begin_notification(*parsed, line);
    }
    if (parsed->program == "qmgr" && trim_right(parsed->text) == "removed") {
        finish(parsed->queue_id);
    }
}

void Collator::end() {
    std::vector<const Message*> left;
    for (const auto& [id, message] : open_) {
        left.push_back(&message);
    }
    std::ranges::sort(left, {}, &Message::number);
    for (const Message* message : left) {
        print_(message->lines);
    }
    open_.clear();
}

}  // namespace relais
