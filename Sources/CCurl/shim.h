#include <curl/curl.h>

/* Swift imports no variadic functions: one wrapper for each kind of argument. */
static inline CURLcode curl_set_number(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode curl_set_pointer(CURL *handle, CURLoption option, const void *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode curl_set_receiver(
    CURL *handle, size_t (*receiver)(char *, size_t, size_t, void *), void *context) {
    CURLcode result = curl_easy_setopt(handle, CURLOPT_WRITEDATA, context);
    return result != CURLE_OK ? result
                              : curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receiver);
}
static inline long curl_status(CURL *handle) {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
static inline void *curl_context(CURL *handle) {
    char *context = 0;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, &context);
    return context;
}
static inline CURLMcode curl_multi_set_watcher(
    CURLM *multi, int (*watcher)(CURL *, curl_socket_t, int, void *, void *), void *context) {
    CURLMcode result = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    return result != CURLM_OK ? result
                              : curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watcher);
}
static inline CURLMcode curl_multi_set_timer(
    CURLM *multi, int (*timer)(CURLM *, long, void *), void *context) {
    CURLMcode result = curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
    return result != CURLM_OK ? result
                              : curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer);
}
static inline CURLMcode curl_multi_set_number(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
/* What a finished transfer came to; in libcurl's struct it lies in a union. */
static inline CURLcode curl_message_result(const CURLMsg *message) {
    return message->data.result;
}
static inline CURLcode curl_set_closer(
    CURL *handle, int (*closer)(void *, curl_socket_t), void *context) {
    CURLcode result = curl_easy_setopt(handle, CURLOPT_CLOSESOCKETDATA, context);
    return result != CURLE_OK ? result
                              : curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, closer);
}
