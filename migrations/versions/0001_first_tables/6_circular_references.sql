ALTER TABLE answers
    ADD CONSTRAINT fk_answers_conversation FOREIGN KEY (workspace_id, conversation_id)
    REFERENCES conversations (workspace_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE answers
    ADD CONSTRAINT fk_answers_job FOREIGN KEY (workspace_id, job_id)
    REFERENCES jobs (workspace_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE answers
    ADD CONSTRAINT fk_answers_message FOREIGN KEY (workspace_id, message_id)
    REFERENCES messages (workspace_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE documents
    ADD CONSTRAINT fk_documents_current_version FOREIGN KEY (workspace_id, id, current_version_id)
    REFERENCES document_versions (workspace_id, document_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE embedding_indexes
    ADD CONSTRAINT fk_embedding_indexes_job FOREIGN KEY (workspace_id, job_id)
    REFERENCES jobs (workspace_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE knowledge_bases
    ADD CONSTRAINT fk_knowledge_bases_active_index FOREIGN KEY (workspace_id, id, active_index_id)
    REFERENCES embedding_indexes (workspace_id, knowledge_base_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE messages
    ADD CONSTRAINT fk_messages_answer FOREIGN KEY (workspace_id, answer_id)
    REFERENCES answers (workspace_id, id) DEFERRABLE INITIALLY DEFERRED;
