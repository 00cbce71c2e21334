#include "lib/access/last_words.h"

#include <chrono>
#include <utility>

#include "lib/event/errors.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kMoment{2};

Task<void> say(Stream* stream, std::string words) {
    try {
        stream->set_deadline(Deadline::after(kMoment));
        stream->write(words);
        co_await stream->flush();
    } catch (const IoError&) {
        // It has gone for good, then.
    } catch (const TimedOut&) {
    }
}

}  // namespace

Task<void> say_last_words(Stream* stream, std::string words) {
    co_await shielded(say(stream, std::move(words)));
}

}  // namespace relais
