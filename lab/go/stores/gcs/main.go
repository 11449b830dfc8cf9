// Command gcs serves the Google Cloud Storage API over TLS from a folder: fake-gcs-server, plus one header that the real
// service sends and fake-gcs-server leaves out.
package main

import (
	"flag"
	"log"
	"net/http"
	"net/url"
	"os"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// uploadID copies the upload's id from Location to X-GUploader-UploadID, the header by which pgBackRest knows a resumable
// upload; without it pgBackRest stops with "upload id missing".
type uploadID struct{ http.ResponseWriter }

func (w uploadID) WriteHeader(status int) {
	if location, err := url.Parse(w.Header().Get("Location")); err == nil {
		if id := location.Query().Get("upload_id"); id != "" {
			w.Header().Set("X-GUploader-UploadID", id)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func main() {
	listen := flag.String("listen", ":443", "address to listen on")
	root := flag.String("root", "", "folder that holds one folder per bucket")
	cert := flag.String("cert", "", "TLS certificate, PEM")
	key := flag.String("key", "", "TLS private key, PEM")
	external := flag.String("external-url", "", "URL that clients use, sent back as the Location of resumable uploads")
	flag.Parse()

	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		StorageRoot: *root,
		ExternalURL: *external,
		NoListener:  true,
		Writer:      os.Stdout,
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.HTTPHandler().ServeHTTP(uploadID{w}, r)
	})
	log.Fatal(http.ListenAndServeTLS(*listen, *cert, *key, handler))
}
